using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>An element type of the file formats.</summary>
/// <param name="Name">Its name in safetensors.</param>
/// <param name="Bits">Bits of one element.</param>
/// <param name="Torch">The type that holds it here; null if TorchSharp has none.</param>
internal sealed record ElementType(string Name, int Bits, ScalarType? Torch)
{
    /// <summary>All types, in the order in which the safetensors reference sorts them (the last ones are written first).</summary>
    public static readonly IReadOnlyList<ElementType> All =
    [
        new("BOOL", 8, ScalarType.Bool),
        new("F4", 4, null),
        new("F6_E2M3", 6, null),
        new("F6_E3M2", 6, null),
        new("U8", 8, ScalarType.Byte),
        new("I8", 8, ScalarType.Int8),
        new("F8_E5M2", 8, null),
        new("F8_E4M3", 8, null),
        new("F8_E8M0", 8, null),
        new("F8_E4M3FNUZ", 8, null),
        new("F8_E5M2FNUZ", 8, null),
        new("I16", 16, ScalarType.Int16),
        new("U16", 16, null),
        new("F16", 16, ScalarType.Float16),
        new("BF16", 16, ScalarType.BFloat16),
        new("I32", 32, ScalarType.Int32),
        new("U32", 32, null),
        new("F32", 32, ScalarType.Float32),
        new("C64", 64, ScalarType.ComplexFloat32),
        new("F64", 64, ScalarType.Float64),
        new("I64", 64, ScalarType.Int64),
        new("U64", 64, null),
    ];

    private static readonly Dictionary<string, ElementType> ByName = All.ToDictionary(type => type.Name, StringComparer.Ordinal);

    /// <summary>Bytes of one element; 0 for the types below a byte.</summary>
    public int Bytes => Bits / 8;

    /// <summary>Finds a type by its safetensors name.</summary>
    public static ElementType? Named(string name) => ByName.GetValueOrDefault(name);

    /// <summary>Finds the type that a TorchSharp tensor is stored as.</summary>
    public static ElementType? Of(ScalarType type) => All.FirstOrDefault(known => known.Torch == type);

    /// <summary>Number of elements of a shape, or null when it passes 2⁶³ or a size is negative.</summary>
    public static long? Count(ReadOnlySpan<long> shape)
    {
        // A zero anywhere makes the product zero, yet the reference refuses a product that overflows on the way: so do we.
        long count = 1;
        foreach (var size in shape)
        {
            if (size < 0 || (count != 0 && size > long.MaxValue / count)) return null;
            count *= size;
        }

        return count;
    }
}
