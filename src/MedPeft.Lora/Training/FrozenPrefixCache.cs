using MedPeft.Lora.Common;

namespace MedPeft.Lora.Training;

/// <summary>
/// What the frozen blocks below the first trained one give for an image, computed once and read from a folder in every epoch of this run and of later ones.
/// For adapters on the last blocks of a <c>VisionTransformer</c>: on 4 of the 12 of a ViT-B/16 a step then takes about a third of that on all 12.
/// </summary>
/// <remarks>
/// What it changes: the frozen blocks run in evaluation mode, so without stochastic depth and dropout, and the training images must not be augmented at
/// random, since each is looked at once. The blocks that train keep both. Without these the run learns what it would learn without the cache, but for
/// the rounding of float32, because the images go through the frozen blocks one at a time. Each image of a ViT-B/16 at 224 px takes 197 · 768 · 4 bytes = 605 KB
/// of disk, half of that in bfloat16: 68 GB for ChestX-ray14. The files are read through memory-mapping, so what fits in memory is read from there. They are known by
/// the frozen weights, adapters among them, the images' content and all else that decides the numbers: another backbone or pipeline computes
/// anew beside the old files, which may then be deleted. Files are whole or not there, hold hashes and no paths, and each image's checksum is verified when
/// it is first read; like the images they are patient data.
/// </remarks>
public sealed record FrozenPrefixCache
{
    /// <summary>Makes the option.</summary>
    /// <param name="folder">Where it lies: a fast local disk. It is made if it does not exist, and runs may share it.</param>
    public FrozenPrefixCache(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Folder = folder;
    }

    /// <summary>Where it lies.</summary>
    public string Folder { get; }

    /// <summary>How the numbers are kept; the blocks compute as <see cref="TrainingOptions.Precision"/> says.</summary>
    /// <value>Default <see cref="Precision.Float32"/>: exactly. <see cref="Precision.BFloat16"/> takes half the disk and rounds each number to 8 bits, a relative error of up to 2⁻⁹.</value>
    public Precision Precision
    {
        get;
        init
        {
            if (value is not (Precision.Float32 or Precision.BFloat16))
                throw new ArgumentOutOfRangeException(nameof(Precision), value, "A frozen-prefix cache keeps Float32 or BFloat16; Float16 has no room for the largest activations.");
            field = value;
        }
    }

    /// <summary>Images that go through the frozen blocks at once while the cache is filled.</summary>
    /// <value>
    /// Default 1: what is kept for an image then never depends on which others were missing, so that a cache filled in parts has the same bits. A GPU fills
    /// much faster with 32 or 64.
    /// </value>
    public int FillBatchSize { get; init => field = Require.AtLeastOne(value); } = 1;

    /// <summary>Names what the cache cannot see for itself: what <see cref="TrainingOptions.Read"/> does, unless it is a <see cref="Data.PixelCache"/>'s, or a hook on a frozen block. Change it whenever that changes.</summary>
    /// <value>Default empty.</value>
    public string Version { get; init; } = "";

    /// <summary>Bytes in a file. A run that is killed while it fills the cache loses what is not yet a whole file, and nothing else.</summary>
    /// <value>Default 268,435,456 (256 MiB): 443 images of a ViT-B/16 at 224 px.</value>
    public long FileBytes { get; init => field = Require.AtLeastOne(value); } = 256L << 20;

    /// <summary>What changes the numbers of a run.</summary>
    internal string Effect => FormattableString.Invariant($"{Precision}, {FillBatchSize} at once{(Version.Length == 0 ? "" : $", {Version}")}");
}
