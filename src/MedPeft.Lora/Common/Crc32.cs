using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Arm = System.Runtime.Intrinsics.Arm;

namespace MedPeft.Lora.Common;

/// <summary>The checksum of zip archives and PNG chunks (CRC-32 of ISO 3309, polynomial 0xEDB88320), whole or piece by piece.</summary>
internal struct Crc32
{
    private static readonly uint[] Table = CreateTable();
    private uint remainder;

    /// <summary>A checksum that has seen nothing.</summary>
    public Crc32() => remainder = uint.MaxValue;

    /// <summary>The checksum of everything seen so far.</summary>
    public readonly uint Value => ~remainder;

    /// <summary>The checksum of bytes that are all at hand.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes)
    {
        var crc = new Crc32();
        crc.Append(bytes);
        return crc.Value;
    }

    /// <summary>Feeds the next bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        // A checkpoint is hundreds of megabytes: without the processor's help the sum would take longer than the reading.
        if (Pclmulqdq.IsSupported && bytes.Length >= 64) remainder = Fold(remainder, ref bytes);
        else if (Arm.Crc32.Arm64.IsSupported) remainder = AppendArm(remainder, ref bytes);
        remainder = AppendTable(remainder, bytes);
    }

    /// <summary>The plain form, eight bytes a step.</summary>
    internal static uint AppendTable(uint crc, ReadOnlySpan<byte> bytes)
    {
        var table = Table;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = table[0x700 + (int)(low & 0xFF)] ^ table[0x600 + (int)(low >> 8 & 0xFF)] ^ table[0x500 + (int)(low >> 16 & 0xFF)] ^ table[0x400 + (int)(low >> 24)]
                ^ table[0x300 + (int)(high & 0xFF)] ^ table[0x200 + (int)(high >> 8 & 0xFF)] ^ table[0x100 + (int)(high >> 16 & 0xFF)] ^ table[(int)(high >> 24)];
        }

        foreach (var value in bytes) crc = table[(int)((crc ^ value) & 0xFF)] ^ crc >> 8;
        return crc;
    }

    private static uint AppendArm(uint crc, ref ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words) crc = Arm.Crc32.Arm64.ComputeCrc32(crc, word);
        bytes = bytes[(words.Length * 8)..];
        return crc;
    }

    // Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009: four lanes are folded by
    // x^(512±32), then by x^(128±32), then reduced (Barrett). Leaves fewer than 16 bytes.
    private static uint Fold(uint crc, ref ReadOnlySpan<byte> bytes)
    {
        var by512 = Vector128.Create(0x0154442bd4UL, 0x01c6e41596UL);
        var by128 = Vector128.Create(0x01751997d0UL, 0x00ccaa009eUL);
        var a = Load(bytes) ^ Vector128.CreateScalar(crc).AsUInt64();
        Vector128<ulong> b = Load(bytes[16..]), c = Load(bytes[32..]), d = Load(bytes[48..]);
        for (bytes = bytes[64..]; bytes.Length >= 64; bytes = bytes[64..])
        {
            a = Multiply(a, by512) ^ Load(bytes);
            b = Multiply(b, by512) ^ Load(bytes[16..]);
            c = Multiply(c, by512) ^ Load(bytes[32..]);
            d = Multiply(d, by512) ^ Load(bytes[48..]);
        }

        a = Multiply(a, by128) ^ b;
        a = Multiply(a, by128) ^ c;
        a = Multiply(a, by128) ^ d;
        for (; bytes.Length >= 16; bytes = bytes[16..]) a = Multiply(a, by128) ^ Load(bytes);

        var low = Vector128.Create(uint.MaxValue, 0, uint.MaxValue, 0).AsUInt64();
        a = Sse2.ShiftRightLogical128BitLane(a, 8) ^ Pclmulqdq.CarrylessMultiply(a, by128, 0x10);
        a = Sse2.ShiftRightLogical128BitLane(a, 4) ^ Pclmulqdq.CarrylessMultiply(a & low, Vector128.CreateScalar(0x0163cd6124UL), 0x00);
        var polynomial = Vector128.Create(0x01db710641UL, 0x01f7011641UL);
        var quotient = Pclmulqdq.CarrylessMultiply(a & low, polynomial, 0x10) & low;
        return (a ^ Pclmulqdq.CarrylessMultiply(quotient, polynomial, 0x00)).AsUInt32().GetElement(1);
    }

    private static Vector128<ulong> Load(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<Vector128<ulong>>(bytes);

    private static Vector128<ulong> Multiply(Vector128<ulong> value, Vector128<ulong> by) =>
        Pclmulqdq.CarrylessMultiply(value, by, 0x00) ^ Pclmulqdq.CarrylessMultiply(value, by, 0x11);

    private static uint[] CreateTable()
    {
        var table = new uint[8 * 256];
        for (uint value = 0; value < 256; value++)
        {
            var crc = value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
            table[value] = crc;
        }

        for (var i = 256; i < table.Length; i++) table[i] = table[(int)(table[i - 256] & 0xFF)] ^ table[i - 256] >> 8;
        return table;
    }
}
