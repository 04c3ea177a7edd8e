using System.Security.Cryptography;

namespace MedPeft.Lora.Native;

/// <summary>A relaxed copy of TorchSharp's native library in the user's cache, for programs whose build made none.</summary>
internal static class RelaxedCopy
{
    /// <summary>The file to load: the original where it needs no change, else the copy, written if it is not there.</summary>
    /// <param name="original">libLibTorchSharp.so.</param>
    /// <param name="cache">The folder of the copies.</param>
    public static string Of(string original, string cache)
    {
        var image = File.ReadAllBytes(original);
        var folder = Path.Combine(cache, Convert.ToHexString(SHA256.HashData(image))[..16]);
        try
        {
            if (ElfRelax.Relax(image) != RelaxOutcome.Relaxed) return original;
        }
        catch (InvalidDataException e)
        {
            throw new TorchRuntimeException($"'{original}' asks for a newer libstdc++ than this system has and cannot be relaxed: {e.Message}. Use TorchSharp {TorchRuntime.TorchSharpVersion}, or a system with the libstdc++ of GCC 13.", e);
        }

        var copy = Path.Combine(folder, Path.GetFileName(original));
        try
        {
            // Compared, not trusted: a copy cut short by a full disk would crash the loader.
            if (File.Exists(copy) && File.ReadAllBytes(copy).AsSpan().SequenceEqual(image)) return copy;
            CreatePrivate(folder);
            var unfinished = $"{copy}.{Environment.ProcessId}";
            File.WriteAllBytes(unfinished, image);
            File.Move(unfinished, copy, overwrite: true);
            return copy;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TorchRuntimeException($"This system's libstdc++ is too old for TorchSharp as shipped, and the relaxed copy of it cannot be written to '{folder}': {e.Message} Name a writable folder in MEDPEFT_CACHE.", e);
        }
    }

    /// <summary>MEDPEFT_CACHE, or the user's own folder for such files (~/.local/share/medpeft).</summary>
    public static string DefaultCache() => Path.Combine(
        Environment.GetEnvironmentVariable("MEDPEFT_CACHE") is { Length: > 0 } named
            ? Path.GetFullPath(named)
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "medpeft"),
        "native");

    /// <summary>What is in it is executed: nobody else may write there.</summary>
    private static void CreatePrivate(string folder)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
