"""Which of TensorFlow's operators compute only with the numbers and variables of a program."""

from fnmatch import fnmatchcase

from tensorflow.python.framework import op_def_registry

# TensorFlow registers most operators as stateless. Of these, a few reach out all the same: to
# files, to other machines, to Python, to code of other libraries, or to the process itself.
_REACHING = (
    "_*",  # Internal ones, which a file never has.
    "*Dataset*",
    "*PyFunc*",
    "*Reader*",
    "*TextFile*",
    "Abort",
    "Copy",
    "CopyHost",
    "Debug*",
    "DecodeProto*",  # They may read a file with a description of the message.
    "EncodeProto*",
    "GenerateVocabRemapping",
    "ImmutableConst",
    "MatchingFiles",
    "MlirPassthroughOp",
    "ReadFile",
    "TPU*",
    "Tpu*",
    "XlaCustomCall*",
)
# Of those with a state, these keep it in memory: variables, tables, random numbers, lists. The
# functions that they call are judged on their own.
_KEEPING = (
    "*HashTable*",
    "Assert",
    "Assign*VariableOp",
    "Case",
    "CheckNumerics*",
    "CudnnRNN*",
    "DestroyResourceOp",
    "DeviceIndex",
    "DisableCopyOnRead",
    "Empty",
    "GuaranteeConst",
    "If",
    "InitializeTableV2",
    "LookupTable*",
    "Multinomial",
    "NonDeterministicInts",
    "ParameterizedTruncatedNormal",
    "Random*",
    "ReadVariableOp",
    "ResourceApply*",
    "ResourceCountUpTo",
    "ResourceGather*",
    "ResourceScatter*",
    "ResourceSparseApply*",
    "ResourceStridedSliceAssign",
    "Rng*",
    "SampleDistortedBoundingBox*",
    "StackPopV2",
    "StackPushV2",
    "StackV2",
    "Stateful*",
    "StatelessRandomGetAlg",
    "TemporaryVariable",
    "TensorArray*",
    "TruncatedNormal",
    "VarHandleOp",
    "VarIsInitializedOp",
    "Variable*",
    "While",
)
# Every SavedModel has these in the function that saves its variables and in the one that restores
# them.
SAVER_OPERATORS = frozenset({"MergeV2Checkpoints", "RestoreV2", "SaveV2"})


def is_harmless(name: str) -> bool:
    """Tell whether an operator touches nothing outside its program; one that isn't known may.

    >>> is_harmless("Conv2D"), is_harmless("ReadFile"), is_harmless("SomebodysOwn")
    (True, False, False)
    """
    known = op_def_registry.get(name)
    if known is None or _is_one_of(name, _REACHING):
        return False
    return not known.is_stateful or _is_one_of(name, _KEEPING)


def _is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
