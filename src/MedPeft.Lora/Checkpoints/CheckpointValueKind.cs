namespace MedPeft.Lora.Checkpoints;

/// <summary>What a <see cref="CheckpointValue"/> is.</summary>
public enum CheckpointValueKind
{
    /// <summary>Python's None.</summary>
    None,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A whole number of any size.</summary>
    WholeNumber,

    /// <summary>A double.</summary>
    Real,

    /// <summary>Text.</summary>
    Text,

    /// <summary>Raw bytes.</summary>
    Bytes,

    /// <summary>A list or a set.</summary>
    List,

    /// <summary>A tuple.</summary>
    Tuple,

    /// <summary>A dict, OrderedDict, defaultdict or Counter.</summary>
    Dictionary,

    /// <summary>A tensor; its values are still in the file.</summary>
    Tensor,

    /// <summary>An object of another type, e.g. <c>argparse.Namespace</c>, kept as its attributes.</summary>
    Instance,
}
