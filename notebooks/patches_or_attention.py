# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Patches or attention?
#
# "Patches Are All You Need?" asks whether a vision transformer owes its accuracy to attention or to its patches.
# `keras-mixers compare` answers such questions on your own data, over several seeds, and says "better" only where that is
# more than chance. Here are four networks and three epochs, so that it takes a few minutes; `docs/patches-or-attention.md`
# has the whole study.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

from IPython.display import Image, Markdown, display

from training.compare import compare
from training.studies import find_study

study = find_study("patches_or_attention")
study.question

# %% [markdown]
# ## A study is data
#
# One recipe, and what each arm changes of it. All else is the same.

# %%
chosen = [arm for arm in study.arms if arm.label in ("ConvMixer", "MLP-Mixer", "ResMLP", "ViT")]
recipe = replace(study.recipe, data="digits", epochs=3)
small = replace(study, name="four_networks", recipe=recipe, arms=tuple(chosen), series=(), seeds=2)
for arm in small.arms:
    print(arm.label, dict(arm.changes))

# %% [markdown]
# ## Its runs
#
# Each is a run of `train` in a process and a folder of its own. What is finished is not done again: `seeds=5` adds to it.

# %%
folder = Path(tempfile.mkdtemp()) / "study"
report = compare(small, folder, speed=False, quiet=True)
for sentence in report.answer:
    print(sentence)

# %% [markdown]
# ## Its report

# %%
lines = (folder / "report.md").read_text().splitlines()
display(Markdown("\n".join(line for line in lines if line.startswith("|"))))
display(Image(folder / "figures" / "accuracy-multiply-adds.png", width=700))

# %%
assert not report.failed
assert not report.unfinished
