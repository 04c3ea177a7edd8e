using System.Buffers.Binary;

namespace MedPeft.Lora.Checkpoints.Pickle;

/// <summary>Decodes a numpy scalar, which training scripts leave in their checkpoints as best scores and learning rates.</summary>
internal static class NumpyScalar
{
    /// <summary>The number, or null if it is of a kind that is not decoded.</summary>
    /// <param name="items">The dtype object and the bytes.</param>
    /// <param name="reader">Pays for the number.</param>
    public static object? Read(object?[] items, PickleReader reader)
    {
        if (items is not [PickleOpaque { TypeName: "numpy.dtype", Arguments: PickleTuple { Items: [string code, ..] }, State: var state }, byte[] bytes]) return null;
        if (bytes.Length > 8) return null;
        var big = state is PickleTuple { Items: [_, string order, ..] } && order == ">";
        Span<byte> little = stackalloc byte[bytes.Length];
        bytes.CopyTo(little);
        if (big) little.Reverse();
        reader.Charge(24);
        // Each arm is boxed as what it is: without the cast to object whole numbers would become double.
        return (code, bytes.Length) switch
        {
            ("f8", 8) => (object)BinaryPrimitives.ReadDoubleLittleEndian(little),
            ("f4", 4) => (double)BinaryPrimitives.ReadSingleLittleEndian(little),
            ("f2", 2) => (double)BinaryPrimitives.ReadHalfLittleEndian(little),
            ("i8", 8) => BinaryPrimitives.ReadInt64LittleEndian(little),
            ("i4", 4) => (long)BinaryPrimitives.ReadInt32LittleEndian(little),
            ("i2", 2) => (long)BinaryPrimitives.ReadInt16LittleEndian(little),
            ("i1", 1) => (long)(sbyte)little[0],
            ("u8", 8) when BinaryPrimitives.ReadUInt64LittleEndian(little) is var number and <= long.MaxValue => (long)number,
            ("u4", 4) => (long)BinaryPrimitives.ReadUInt32LittleEndian(little),
            ("u2", 2) => (long)BinaryPrimitives.ReadUInt16LittleEndian(little),
            ("u1", 1) => (long)little[0],
            ("b1", 1) => little[0] != 0,
            _ => null,
        };
    }
}
