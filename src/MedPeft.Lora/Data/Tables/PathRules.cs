namespace MedPeft.Lora.Data.Tables;

/// <summary>What a table or list may write for an image's path: names below the root, nothing else. Lists come from strangers.</summary>
internal static class PathRules
{
    /// <summary>Why a path cannot be used, or null if it can: it is absolute, climbs, or holds what no file name holds.</summary>
    public static string? Problem(ReadOnlySpan<char> path)
    {
        if (path.IsEmpty) return "found an empty path; a path below the root fits.";
        if (path.Length > 1024) return $"the path {Quoted.Of(path)} has {path.Length} characters; at most 1,024 fit.";
        if (path[0] is '/' or '\\' || (path.Length > 1 && path[1] == ':' && char.IsAsciiLetter(path[0])))
            return $"the path {Quoted.Of(path)} is absolute and may leave the root. Write it relative to the root.";
        foreach (var c in path)
            if (char.IsControl(c) || c == ':') return $"the path {Quoted.Of(path)} holds a character that no image's name has. Correct it.";
        while (true)
        {
            var cut = path.IndexOfAny('/', '\\');
            var name = cut < 0 ? path : path[..cut];
            if (name.SequenceEqual("..")) return "the path leaves the root by '..'. Write it relative to the root.";
            if (cut < 0) return null;
            path = path[(cut + 1)..];
        }
    }

    /// <summary>The path with '/' between its names and without '.' and doubled separators.</summary>
    public static string Normalize(string path)
    {
        if (path.AsSpan().IndexOfAny('/', '\\') < 0) return path;
        return string.Join('/', path.Split('/', '\\').Where(n => n.Length > 0 && n != "."));
    }
}
