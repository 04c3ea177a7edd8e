using SkiaSharp;

namespace MedPeft.Samples.Phantoms;

/// <summary>What the layouts share: dealing patients out to lists, drawing on all cores, writing text and pictures.</summary>
internal static class CohortFiles
{
    /// <summary>Whole patients to the lists, in order, until each has its number of images; what is left over goes to the last one.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<PhantomVisit>> Deal(CohortOptions options, IReadOnlyList<(string Name, int Images)> lists)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(lists);
        if (lists.Count == 0) throw new ArgumentException("Name at least one list, such as (\"train_val_list.txt\", 800).", nameof(lists));
        var parts = lists.ToDictionary(list => list.Name, _ => new List<PhantomVisit>());
        var current = 0;
        foreach (var patient in Cohort.Draw(options).GroupBy(visit => visit.Patient))
        {
            while (current < lists.Count - 1 && parts[lists[current].Name].Count >= lists[current].Images) current++;
            parts[lists[current].Name].AddRange(patient);
        }

        return parts.ToDictionary(part => part.Key, IReadOnlyList<PhantomVisit> (part) => part.Value);
    }

    /// <summary>Draws and writes images on all cores.</summary>
    public static void Draw(IEnumerable<PhantomVisit> visits, Action<PhantomVisit> write, IProgress<int>? progress, CancellationToken cancellation)
    {
        var written = 0;
        Parallel.ForEach(visits, new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount }, visit =>
        {
            write(visit);
            progress?.Report(Interlocked.Increment(ref written));
        });
    }

    /// <summary>Lines that end in LF, the last one too.</summary>
    public static void WriteLines(string path, IEnumerable<string> lines) => File.WriteAllText(path, string.Join('\n', lines) + '\n');

    /// <summary>A gray picture as a JPEG stream.</summary>
    public static byte[] Jpeg(byte[] pixels, int size, int quality)
    {
        using var image = SKImage.FromPixelCopy(new SKImageInfo(size, size, SKColorType.Gray8, SKAlphaType.Opaque), pixels, size);
        using var data = image.Encode(SKEncodedImageFormat.Jpeg, quality) ?? throw new IOException("A picture could not be encoded as JPEG.");
        return data.ToArray();
    }
}
