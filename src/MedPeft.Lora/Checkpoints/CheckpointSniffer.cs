using System.Buffers.Binary;
using System.Text;

namespace MedPeft.Lora.Checkpoints;

/// <summary>The forms that are read.</summary>
internal enum CheckpointForm
{
    /// <summary>A safetensors file.</summary>
    Safetensors,

    /// <summary>A JSON text, hopefully the index of a sharded checkpoint.</summary>
    Index,

    /// <summary>A zip archive.</summary>
    Zip,

    /// <summary>A pickle, hopefully PyTorch's legacy stream.</summary>
    Pickle,
}

/// <summary>Tells the form of a file from its first bytes, and names the usual mistakes.</summary>
internal static class CheckpointSniffer
{
    private const int Head = 512;
    private const string Wanted = "Read are safetensors files (single or by their index), and PyTorch's .pth, .pt and .bin.";

    private static readonly (string Bytes, string What, string Do)[] Others =
    [
        ("\x1f\x8b", "a gzip archive", "Unpack it first."),
        ("\xfd7zXZ", "an xz archive", "Unpack it first."),
        ("BZh", "a bzip2 archive", "Unpack it first."),
        ("7z\xbc\xaf", "a 7z archive", "Unpack it first."),
        ("\x28\xb5\x2f\xfd", "a zstd archive", "Unpack it first."),
        ("PK\x05\x06", "an empty zip archive", "Fetch the file again."),
        ("\x89HDF", "an HDF5 file (Keras)", Wanted),
        ("GGUF", "a GGUF file", Wanted),
        ("\x93NUMPY", "a NumPy array", Wanted),
        ("\x89PNG", "a PNG image", Wanted),
        ("%PDF", "a PDF document", Wanted),
    ];

    /// <summary>Tells the form, or throws with what the file is instead.</summary>
    public static CheckpointForm Sniff(FileSource source)
    {
        var head = new byte[(int)Math.Min(Head, source.Length)];
        source.Read(0, head);

        // A safetensors header length may look like the start of anything else, so it is asked first.
        if (IsSafetensors(head)) return CheckpointForm.Safetensors;
        if (StartsWith(head, "PK\x03\x04")) return CheckpointForm.Zip;
        if (head is [0x80, >= 2 and <= 5, ..]) return CheckpointForm.Pickle;
        if (head is [0x80, ..]) throw new CheckpointException(source.Path, $"this may be a Python pickle, but its protocol {(head.Length > 1 ? head[1] : 0)} is not 2 to 5. {Wanted}");
        var known = Array.Find(Others, other => StartsWith(head, other.Bytes));
        if (known.What is not null) throw new CheckpointException(source.Path, $"this is {known.What}, not a checkpoint. {known.Do}");
        if (head.Length >= 262 && StartsWith(head.AsSpan(257), "ustar"))
            throw new CheckpointException(source.Path, "this is a tar archive: PyTorch's form of before 0.1.10, or a packed folder. Unpack it, or load it in an old PyTorch and save it again.");
        return SniffText(source, head);
    }

    private static bool IsSafetensors(ReadOnlySpan<byte> head)
    {
        if (head.Length < 10) return false;
        var body = head[8..].TrimStart(" \t\r\n"u8);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(head);
        return length <= (ulong)Limits.SafetensorsHeader ? body is [(byte)'{', ..] : head[8..] is [(byte)'{', (byte)'"', ..] && !IsText(head[..8]);
    }

    private static CheckpointForm SniffText(FileSource source, byte[] head)
    {
        if (head.AsSpan().IndexOfAnyExcept((byte)0) < 0) throw new CheckpointException(source.Path, "the file begins with zeros only: its download was interrupted. Fetch it again.");
        if (!IsText(head)) throw new CheckpointException(source.Path, $"this is no checkpoint of a known form; it begins with the bytes {Convert.ToHexString(head.AsSpan(0, Math.Min(8, head.Length)))}. {Wanted}");
        var text = Encoding.UTF8.GetString(head).TrimStart('\ufeff', ' ', '\t', '\r', '\n');
        if (text.StartsWith("version https://git-lfs.github.com/", StringComparison.Ordinal))
            throw new CheckpointException(source.Path, $"this is a Git LFS pointer: the text that stands for the checkpoint{Size(text)} in a clone without LFS. Run 'git lfs pull' in the clone, or download the file itself.");
        if (text.StartsWith('<'))
            throw new CheckpointException(source.Path, $"this is a web page ({Quoted.Text(FirstLine(text))}), not a checkpoint: the address led to a login, warning or error page. Open it in a browser and save the file itself.");
        return text.StartsWith('{') ? CheckpointForm.Index
            : throw new CheckpointException(source.Path, $"this is a text ({Quoted.Text(FirstLine(text))}), not a checkpoint. {Wanted}");
    }

    private static string Size(string pointer)
    {
        var line = pointer.Split('\n').FirstOrDefault(line => line.StartsWith("size ", StringComparison.Ordinal));
        return line is not null && long.TryParse(line.AsSpan(5), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var size) ? $" of {size} bytes" : "";
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim() is { Length: > 60 } line ? line[..60] + "…" : text.Split('\n')[0].Trim();

    private static bool IsText(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IndexOfAnyInRange((byte)0, (byte)8) >= 0 || bytes.IndexOfAnyInRange((byte)14, (byte)31) >= 0) return false;

        // The last letter of a longer text may be cut.
        for (var cut = 0; cut < (bytes.Length == Head ? 4 : 1); cut++)
            if (System.Text.Unicode.Utf8.IsValid(bytes[..^cut])) return true;
        return false;
    }

    private static bool StartsWith(ReadOnlySpan<byte> bytes, string latin1)
    {
        if (bytes.Length < latin1.Length) return false;
        for (var i = 0; i < latin1.Length; i++)
            if (bytes[i] != latin1[i]) return false;
        return true;
    }
}
