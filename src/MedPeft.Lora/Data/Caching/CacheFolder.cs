namespace MedPeft.Lora.Data.Caching;

/// <summary>What can go wrong with the folder of a cache, said in its name.</summary>
internal static class CacheFolder
{
    /// <summary>Opens a cache in a folder, which is made if it does not exist.</summary>
    /// <exception cref="DatasetException">The folder cannot be used, or a file in it is damaged.</exception>
    public static T Open<T>(string folder, Func<string, T> open)
    {
        folder = Path.GetFullPath(folder);
        try
        {
            Directory.CreateDirectory(folder);
            return open(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(folder, $"cannot hold a cache: {e.Message}", innerException: e);
        }
    }

    /// <summary>Writes to a cache; other processes wait meanwhile.</summary>
    /// <param name="folder">Where it lies.</param>
    /// <param name="again">What to do once there is space, such as "add again".</param>
    /// <param name="write">Writes.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="DatasetException">The cache cannot be written: no space, no permission.</exception>
    public static T Write<T>(string folder, string again, Func<T> write, CancellationToken cancellationToken)
    {
        try
        {
            using var onlyOne = CacheLock.Wait(folder, cancellationToken);
            return write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(
                folder, $"cannot be written: {e.Message.TrimEnd('.')}. What was finished is kept; free space or choose another folder, then {again}.", innerException: e);
        }
    }
}
