using System.Security.Cryptography;
using MedPeft.Lora.Data.Loading;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data;

/// <summary>Looks for patients and images that two data sets share, such as training and test set: with them, a score says little.</summary>
public static class LeakCheck
{
    /// <summary>Compares two data sets.</summary>
    /// <param name="first">One set.</param>
    /// <param name="second">The other set.</param>
    /// <param name="options">How thoroughly; by patient and file name only if null, which takes a moment.</param>
    /// <param name="cancellationToken">Stops the comparison.</param>
    /// <returns>Numbers, and positions of shared images.</returns>
    /// <exception cref="ImageException">An image cannot be read; only where bytes or looks are compared.</exception>
    public static LeakReport Compare(ImageDataset first, ImageDataset second, LeakCheckOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        options ??= new LeakCheckOptions();
        var pairs = new Dictionary<int, LeakedPair>();
        SameFiles(first, second, pairs);
        if (options.Bytes) SameBytes(first, second, options, pairs, cancellationToken);
        if (options.NearDuplicates) NearDuplicates(first, second, options, pairs, cancellationToken);
        var shared = first.Select(r => r.PatientKey).OfType<string>().ToHashSet(StringComparer.Ordinal);
        shared.IntersectWith(second.Select(r => r.PatientKey).OfType<string>());
        return new LeakReport
        {
            First = first.Name,
            Second = second.Name,
            SharedPatients = shared.Count,
            PatientImagesInFirst = first.Count(IsShared),
            PatientImagesInSecond = second.Count(IsShared),
            WithoutPatient = first.Count(r => r.Patient is null) + second.Count(r => r.Patient is null),
            ComparedBytes = options.Bytes,
            ComparedLooks = options.NearDuplicates,
            Pairs = [.. pairs.OrderBy(p => p.Key).Select(p => p.Value)],
        };

        bool IsShared(ImageRecord record) => shared.Count > 0 && record.PatientKey is { } key && shared.Contains(key);
    }

    private static void SameFiles(ImageDataset first, ImageDataset second, Dictionary<int, LeakedPair> pairs)
    {
        var paths = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < first.Count; i++) paths.TryAdd(first[i].Path, i);
        for (var j = 0; j < second.Count; j++)
            if (paths.TryGetValue(second[j].Path, out var i)) pairs.Add(j, new LeakedPair(i, j, LeakKind.SameFile));
    }

    private static void SameBytes(ImageDataset first, ImageDataset second, LeakCheckOptions options, Dictionary<int, LeakedPair> pairs, CancellationToken cancellationToken)
    {
        var (a, b) = (Lengths(first, options, cancellationToken), Lengths(second, options, cancellationToken));
        var common = a.ToHashSet();
        common.IntersectWith(b);
        var (hashesA, hashesB) = (Hashes(first, a, common, options, cancellationToken), Hashes(second, b, common, options, cancellationToken));
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < hashesA.Length; i++)
            if (hashesA[i] is { } hash) known.TryAdd(hash, i);
        for (var j = 0; j < hashesB.Length; j++)
            if (hashesB[j] is { } hash && known.TryGetValue(hash, out var i)) pairs.TryAdd(j, new LeakedPair(i, j, LeakKind.SameBytes));
    }

    private static long[] Lengths(ImageDataset data, LeakCheckOptions options, CancellationToken cancellationToken)
    {
        var lengths = new long[data.Count];
        ManyAtOnce.Run(data.Count, options.Threads, i => lengths[i] = Opened(data[i].Path, p => new FileInfo(p).Length), cancellationToken);
        return lengths;
    }

    private static string?[] Hashes(ImageDataset data, long[] lengths, HashSet<long> common, LeakCheckOptions options, CancellationToken cancellationToken)
    {
        var hashes = new string?[data.Count];
        ManyAtOnce.Run(data.Count, options.Threads, Hash, cancellationToken);
        return hashes;

        void Hash(int i)
        {
            if (common.Contains(lengths[i])) hashes[i] = Opened(data[i].Path, Sha256);
        }
    }

    private static void NearDuplicates(
        ImageDataset first, ImageDataset second, LeakCheckOptions options, Dictionary<int, LeakedPair> pairs, CancellationToken cancellationToken)
    {
        var (a, b) = (Miniatures(first, options, cancellationToken), Miniatures(second, options, cancellationToken));
        var found = new int[b.Length];
        ManyAtOnce.Run(b.Length, options.Threads, j => found[j] = Array.FindIndex(a, m => m.LooksLike(b[j], options.Correlation)), cancellationToken);
        for (var j = 0; j < found.Length; j++)
            if (found[j] >= 0) pairs.TryAdd(j, new LeakedPair(found[j], j, LeakKind.NearDuplicate));
    }

    private static Miniature[] Miniatures(ImageDataset data, LeakCheckOptions options, CancellationToken cancellationToken)
    {
        var miniatures = new Miniature[data.Count];
        ManyAtOnce.Run(data.Count, options.Threads, Look, cancellationToken);
        return miniatures;

        void Look(int i)
        {
            var image = data[i].Decode();
            miniatures[i] = Miniature.Of(image);
            PixelBuffers.GiveBack(image);
        }
    }

    private static string Sha256(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        return Convert.ToHexString(SHA256.HashData(stream));
    }

    private static T Opened<T>(string path, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(
                path,
                e is FileNotFoundException or DirectoryNotFoundException ? "does not exist. Check the data set's root folder." : $"cannot be read: {e.Message}",
                e);
        }
    }
}
