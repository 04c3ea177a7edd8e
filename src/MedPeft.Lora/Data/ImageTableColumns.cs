namespace MedPeft.Lora.Data;

/// <summary>Which columns of a table mean what, by the names in its header.</summary>
public sealed record ImageTableColumns
{
    /// <summary>The image's path below the root.</summary>
    public required string Path { get; init; }

    /// <summary>One column for each label; their names become the labels' names.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>The patient. Without it, sets cannot be split by patient.</summary>
    public string? Patient { get; init; }

    /// <summary>The examination.</summary>
    public string? Study { get; init; }

    /// <summary>The view: PA, AP, Frontal, Lateral, or nothing; anything else counts as another view.</summary>
    public string? View { get; init; }

    /// <summary>The age in years, such as 57 or 057Y.</summary>
    public string? Age { get; init; }

    /// <summary>The sex: M, F, Male, Female, or nothing.</summary>
    public string? Sex { get; init; }

    /// <summary>What stands between fields.</summary>
    /// <value>The default is a comma.</value>
    public char Separator { get; init; } = ',';
}
