namespace MedPeft.Lora.Tests;

/// <summary>Finds the values computed by the reference implementations: ../shared beside the checkout.</summary>
internal static class Golden
{
    private static readonly Lazy<string> Shared = new(Find);

    /// <summary>A file below shared/golden.</summary>
    public static string Path(string relative) => InShared(System.IO.Path.Combine("golden", relative));

    /// <summary>A file below shared/data.</summary>
    public static string Data(string relative) => InShared(System.IO.Path.Combine("data", relative));

    private static string InShared(string relative)
    {
        var path = System.IO.Path.Combine(Shared.Value, relative);
        return File.Exists(path) || Directory.Exists(path) ? path : throw new FileNotFoundException($"The reference value '{path}' is missing.");
    }

    private static string Find()
    {
        if (Environment.GetEnvironmentVariable("MEDPEFT_SHARED") is { Length: > 0 } named) return named;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = System.IO.Path.Combine(folder.FullName, "shared");
            if (Directory.Exists(System.IO.Path.Combine(candidate, "golden"))) return candidate;
        }

        throw new DirectoryNotFoundException(
            $"No folder 'shared/golden' above {AppContext.BaseDirectory}. Lay it beside the checkout or name it in MEDPEFT_SHARED.");
    }
}
