namespace MedPeft.Lora.Data;

/// <summary>In which way two data sets share an image.</summary>
public enum LeakKind
{
    /// <summary>The very same file.</summary>
    SameFile,

    /// <summary>Two files of the same bytes.</summary>
    SameBytes,

    /// <summary>Two images that look the same: another size, format or brightness of one image.</summary>
    NearDuplicate,
}
