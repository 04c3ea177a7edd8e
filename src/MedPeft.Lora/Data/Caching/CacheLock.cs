namespace MedPeft.Lora.Data.Caching;

/// <summary>Lets one process at a time write to a cache; the others wait and then find its work done. The system frees it when a process dies.</summary>
internal static class CacheLock
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public static IDisposable Wait(string folder, CancellationToken cancellationToken)
    {
        var path = Path.Join(folder, "writing.lock");
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException) && File.Exists(path) && IsHeld(e))
            {
                cancellationToken.WaitHandle.WaitOne(Pause);
            }
        }
    }

    // A sharing violation: ERROR_SHARING_VIOLATION (32) or ERROR_LOCK_VIOLATION (33) on Windows, EWOULDBLOCK (11 on Linux, 35 on macOS) elsewhere.
    private static bool IsHeld(IOException e) => (e.HResult & 0xFFFF) is 32 or 33 or 11 or 35;
}
