"""Names of the files that several packages look for in the folder of a run."""

MODEL_FILE = "model.keras"
LABELS_FILE = "labels.txt"
RESULT_FILE = "result.json"
RECIPE_FILE = "recipe.json"
