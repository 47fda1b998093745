"""RequestExamples: joins the three tables into request examples."""
