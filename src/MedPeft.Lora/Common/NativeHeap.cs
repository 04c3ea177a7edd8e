using System.Runtime.InteropServices;

namespace MedPeft.Lora.Common;

/// <summary>Lets the C library keep the memory that one pass frees for the next.</summary>
/// <remarks>
/// glibc gives every block above 128 KiB (later: above the largest freed so far, 32 MiB at most) back to the system as soon as it is free, and the top of its heap with it. A pass then
/// pays for a fresh, zeroed page for each 4 KiB of activations: measured, it takes up to twice the time. Where the user has settings of his own (<c>GLIBC_TUNABLES</c>,
/// <c>MALLOC_*_</c>), and with other C libraries, nothing is changed.
/// </remarks>
internal static partial class NativeHeap
{
    private const int TrimThreshold = -1, MmapThreshold = -3; // of malloc.h
    private const int LargestMapped = 32 << 20; // what older versions of glibc take

    private static readonly Lazy<bool> Kept = new(Configure);

    /// <summary>Keeps freed memory from here on, up to 2 GiB at the top of each of the heaps and all in their midst. Once is enough.</summary>
    public static void KeepFreed() => _ = Kept.Value;

    /// <summary>Gives the system back what is free now.</summary>
    public static void Trim()
    {
        if (Kept is { IsValueCreated: true, Value: true }) _ = GiveBack(0);
    }

    private static bool Configure()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariables().Keys.Cast<string>().Any(IsSetting)) return false;
        try
        {
            if (Set(MmapThreshold, int.MaxValue) == 0) _ = Set(MmapThreshold, LargestMapped);
            return Set(TrimThreshold, int.MaxValue) != 0;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    private static bool IsSetting(string variable) => variable == "GLIBC_TUNABLES" || variable.StartsWith("MALLOC_", StringComparison.Ordinal);

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int Set(int parameter, int value);

    [LibraryImport("libc.so.6", EntryPoint = "malloc_trim")]
    private static partial int GiveBack(nuint pad);
}
