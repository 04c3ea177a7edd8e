using System.Buffers.Binary;
using System.Text;

namespace MedPeft.Lora.Checkpoints.Pickle;

/// <summary>Reads a pickle's bytes from a file, never past its end and never more than it says.</summary>
internal sealed class PickleReader(FileSource source, long start, long end)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private readonly byte[] buffer = new byte[1 << 16];
    private long bufferStart = start;
    private int next, count;

    /// <summary>Position in the file of the next byte.</summary>
    public long Position => bufferStart + next;

    /// <summary>Bytes that are left.</summary>
    public long Left => end - Position;

    /// <summary>Memory that the values may still take.</summary>
    public long Budget { get; set; } = Limits.Values(source.Length);

    /// <summary>Path of the file.</summary>
    public string Path => source.Path;

    /// <summary>The next byte.</summary>
    public byte Byte()
    {
        if (next == count) Fill();
        return buffer[next++];
    }

    /// <summary>A little-endian number of 2 bytes.</summary>
    public int UInt16() => Byte() | Byte() << 8;

    /// <summary>A little-endian number of 4 bytes.</summary>
    public int Int32() => UInt16() | UInt16() << 16;

    /// <summary>A length of 4 bytes, checked against what is left.</summary>
    public int Length32() => Length((uint)Int32());

    /// <summary>A length of 8 bytes, checked against what is left.</summary>
    public int Length64()
    {
        var low = (uint)Int32();
        return Length((ulong)(uint)Int32() << 32 | low);
    }

    /// <summary>A length, checked against what is left.</summary>
    public int Length(ulong length) =>
        length <= (ulong)Math.Min(Left, int.MaxValue / 2) ? (int)length : throw Fault($"a value of {length} bytes is announced, but only {Left} follow");

    /// <summary>A big-endian double.</summary>
    public double Double()
    {
        Span<byte> bytes = stackalloc byte[8];
        foreach (ref var value in bytes) value = Byte();
        return BinaryPrimitives.ReadDoubleBigEndian(bytes);
    }

    /// <summary>The next bytes; the length was checked.</summary>
    public byte[] Bytes(int length)
    {
        Charge(length + 24L);
        var bytes = new byte[length];
        Copy(bytes);
        return bytes;
    }

    /// <summary>A little-endian whole number of 0 to 8 bytes, with its sign.</summary>
    public long Int(int length)
    {
        long value = 0;
        for (var i = 0; i < length; i++) value |= (long)Byte() << 8 * i;
        var unused = 64 - 8 * length;
        return length == 0 ? 0 : value << unused >> unused;
    }

    /// <summary>Text in UTF-8; the length was checked.</summary>
    public string Text(int length)
    {
        // The letters, two bytes each, and for a moment the bytes they come from.
        Charge((length <= 256 ? 2L : 3L) * length + 24);
        var bytes = length <= 256 ? stackalloc byte[length] : new byte[length];
        Copy(bytes);
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw Fault("a text is not valid UTF-8", error);
        }
    }

    /// <summary>A line of text without its end, at most 1,000 bytes.</summary>
    public string Line()
    {
        Span<byte> line = stackalloc byte[1000];
        for (var length = 0; length < line.Length; length++)
        {
            line[length] = Byte();
            if (line[length] != '\n') continue;
            try
            {
                return StrictUtf8.GetString(line[..length]);
            }
            catch (DecoderFallbackException error)
            {
                throw Fault("a name is not valid UTF-8", error);
            }
        }

        throw Fault("a name has more than 1000 bytes");
    }

    /// <summary>Takes memory from what the file justifies.</summary>
    public void Charge(long bytes)
    {
        if ((Budget -= bytes) < 0) throw new CheckpointException(Path, "the values beside the tensors would take more memory than a file of this size justifies. It is no ordinary checkpoint: do not use it.", offset: Position);
    }

    /// <summary>An error at the present position.</summary>
    public CheckpointException Fault(string reason, Exception? inner = null) => new(Path, $"{reason}. The file is damaged: fetch it again.", offset: Position, innerException: inner);

    private void Copy(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            if (next == count) Fill();
            var part = Math.Min(destination.Length, count - next);
            buffer.AsSpan(next, part).CopyTo(destination);
            destination = destination[part..];
            next += part;
        }
    }

    private void Fill()
    {
        bufferStart += count;
        next = 0;
        count = (int)Math.Min(buffer.Length, end - bufferStart);
        if (count <= 0)
        {
            count = 0;
            throw Fault("the pickle ends in the middle of a value");
        }

        source.Read(bufferStart, buffer.AsSpan(0, count));
    }
}
