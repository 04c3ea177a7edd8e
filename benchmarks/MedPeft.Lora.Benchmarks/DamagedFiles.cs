using System.Diagnostics;
using System.Globalization;
using System.Text;
using MedPeft.Lora.Checkpoints;

namespace MedPeft.Lora.Benchmarks;

/// <summary>Changes every byte of small checkpoints in two ways and cuts them at every length, and counts how reading each ends.</summary>
internal static class DamagedFiles
{
    public static int Run(string[] args)
    {
        var folder = args.Length > 0 ? args[0] : "tests/MedPeft.Lora.Tests/Checkpoints/Files";
        Console.WriteLine("| file | bytes | tried | refused by CheckpointException | read as before | read otherwise (no checksum in the file) | anything else | slowest, ms |\n|---|---:|---:|---:|---:|---:|---:|---:|");
        var sum = new int[5];
        foreach (var file in Directory.EnumerateFiles(folder).Where(file => Path.GetExtension(file) is ".pth" or ".pt" or ".safetensors").Order(StringComparer.Ordinal))
        {
            var original = File.ReadAllBytes(file);
            var counts = new int[5];
            var slowest = 0.0;
            var copy = Path.Combine(Path.GetTempPath(), $"medpeft-damage-{Environment.ProcessId}");
            var expected = Read(copy, original);
            foreach (var damaged in Damages(original))
            {
                var clock = Stopwatch.StartNew();
                var found = Read(copy, damaged);
                slowest = Math.Max(slowest, clock.Elapsed.TotalMilliseconds);
                counts[0]++;
                counts[found is null ? 1 : found == expected ? 2 : found.StartsWith('!') ? 4 : 3]++;
            }
            File.Delete(copy);
            for (var i = 0; i < counts.Length; i++) sum[i] += counts[i];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {Path.GetFileName(file)} | {original.Length:N0} | {string.Join(" | ", counts.Select(count => count.ToString("N0", CultureInfo.InvariantCulture)))} | {slowest:F1} |"));
        }
        Console.WriteLine($"| all | | {string.Join(" | ", sum.Select(count => count.ToString("N0", CultureInfo.InvariantCulture)))} | |");
        return sum[4] == 0 ? 0 : 1;
    }

    private static IEnumerable<byte[]> Damages(byte[] original)
    {
        for (var at = 0; at < original.Length; at++)
        {
            yield return original[..at];
            foreach (var bits in new[] { (byte)(1 << at % 8), (byte)0xff })
            {
                var changed = (byte[])original.Clone();
                changed[at] ^= bits;
                yield return changed;
            }
        }
    }

    private static string? Read(string path, byte[] content)
    {
        File.WriteAllBytes(path, content);
        try
        {
            using var file = Checkpoint.Open(path);
            var text = new StringBuilder();
            foreach (var (name, info) in file.Tensors.Where(entry => entry.Value.DType is not null))
            {
                using var tensor = file.Read(name);
                text.Append(info).Append(Convert.ToHexString(tensor.bytes));
            }
            return text.ToString();
        }
        catch (CheckpointException)
        {
            return null;
        }
        catch (Exception error)
        {
            return $"!{error.GetType().Name}";
        }
    }
}
