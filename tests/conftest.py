import hypothesis

import models  # noqa: F401  (selects Keras 2, whichever test imports TensorFlow first)

hypothesis.settings.register_profile("hostile", max_examples=2000)
