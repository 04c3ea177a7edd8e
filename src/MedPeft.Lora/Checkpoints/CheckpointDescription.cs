using System.Globalization;
using System.Text;

namespace MedPeft.Lora.Checkpoints;

/// <summary>The text of <see cref="Checkpoint.Describe"/>.</summary>
internal static class CheckpointDescription
{
    private const int MostTensors = 10_000, MostOthers = 100, MostKeys = 100;

    /// <summary>Describes an open checkpoint.</summary>
    public static string Of(TensorFile file)
    {
        var text = new StringBuilder();
        var values = file.Tensors.Values.Sum(info => (decimal)(ElementType.Count(info.Shape) ?? 0));
        var bytes = file.Tensors.Values.Sum(info => (decimal)info.Bytes);
        var pickle = file as PickleCheckpoint;
        text.Append(CultureInfo.InvariantCulture, $"{Quoted.Bare(System.IO.Path.GetFileName(file.Path))}: {file.Kind}\n");
        text.Append(CultureInfo.InvariantCulture, $"{file.Tensors.Count} tensors{Place(pickle)}, {values:N0} values, {bytes:N0} bytes\n");
        AppendTensors(text, file);
        foreach (var (key, value) in file.Metadata.Take(MostKeys)) text.Append(CultureInfo.InvariantCulture, $"metadata {Quoted.Bare(key)}: {Quoted.Bare(value)}\n");
        if (pickle is not null) AppendOthers(text, pickle);
        return text.ToString();
    }

    private static string Place(PickleCheckpoint? pickle) => pickle is null ? ""
        : (pickle.StateDictKey.Length > 0 ? $" in {Quoted.Text(pickle.StateDictKey)}" : "") + (pickle.StrippedPrefix.Length > 0 ? $" (prefix {Quoted.Text(pickle.StrippedPrefix)} stripped)" : "");

    private static void AppendTensors(StringBuilder text, TensorFile file)
    {
        var rows = file.Tensors.Values.Take(MostTensors)
            .Select(info => (Name: Quoted.Bare(info.Name), Type: info.DTypeName, Shape: $"[{string.Join(", ", info.Shape)}]", Bytes: info.Bytes.ToString("N0", CultureInfo.InvariantCulture))).ToList();
        if (rows.Count == 0) return;
        int name = rows.Max(row => row.Name.Length), type = rows.Max(row => row.Type.Length), shape = rows.Max(row => row.Shape.Length), bytes = rows.Max(row => row.Bytes.Length);
        foreach (var row in rows) text.Append("  ").Append(row.Name.PadRight(name)).Append("  ").Append(row.Type.PadRight(type)).Append("  ").Append(row.Shape.PadRight(shape)).Append("  ").Append(row.Bytes.PadLeft(bytes)).Append('\n');
        if (file.Tensors.Count > rows.Count) text.Append(CultureInfo.InvariantCulture, $"  … and {file.Tensors.Count - rows.Count:N0} more\n");
    }

    // Keys only, two levels: values of arguments may be somebody's paths.
    private static void AppendOthers(StringBuilder text, PickleCheckpoint pickle)
    {
        var weights = pickle.StateDictKey.Split('.')[0];
        var others = pickle.Root.Entries.Where(entry => entry.Value.Kind != CheckpointValueKind.Tensor && entry.Key.ToString() != weights).ToList();
        if (others.Count == 0) return;
        text.Append("other data\n");
        foreach (var (key, value) in others.Take(MostOthers))
        {
            text.Append("  ").Append(Quoted.Bare(key.ToString())).Append(": ").Append(value.Describe());
            var keys = value.Entries.Take(MostKeys).Select(entry => Quoted.Bare(entry.Key.ToString())).ToList();
            if (keys.Count > 0) text.Append(" (").AppendJoin(", ", keys).Append(value.Count > keys.Count ? ", …)" : ")");
            text.Append('\n');
        }

        if (others.Count > MostOthers) text.Append(CultureInfo.InvariantCulture, $"  … and {others.Count - MostOthers:N0} more\n");
    }
}
