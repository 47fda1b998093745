"""Recommenders of others, to compare with: each reads a problem folder and writes an answer folder.

They run in an environment of their own (`requirements.lock` beside this file), because their libraries and TFX ask for
different versions of the same packages. So nothing here imports TensorFlow, TFX or any other package of this project;
run it from the folder above:

    python -m peers als PROBLEM_DIR ANSWER_DIR --parameters '{"factors": 64}'
    python -m peers --list
"""
