using MedPeft.Lora.Checkpoints.Adapters;

namespace MedPeft.Lora;

/// <summary>What to check, and what to let pass, when an adapter is loaded. By default everything must be as it was when the adapter was saved.</summary>
public sealed record LoadOptions
{
    /// <summary>Name of the adapter: one that is not called <c>default</c> lies in a folder of its name, as PEFT writes it.</summary>
    /// <value>Default <c>default</c>.</value>
    public string Name { get; init; } = AdapterFolder.DefaultName;

    /// <summary>The labels that the model is to score, in order; they must be those that the adapter was trained for.</summary>
    /// <value>Default null: not compared.</value>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>True loads the adapter onto other frozen weights than it was trained on, for example the same in half precision.</summary>
    /// <value>Default false. Folders of PEFT's own say nothing about their base.</value>
    public bool AllowOtherBase { get; init; }

    /// <summary>True loads an adapter that was trained for other labels than <see cref="Labels"/>.</summary>
    /// <value>Default false.</value>
    public bool AllowOtherLabels { get; init; }

    /// <summary>True leaves what the file lacks as it is in the model: a new head over trained adapters.</summary>
    /// <value>Default false.</value>
    public bool AllowMissingKeys { get; init; }

    /// <summary>True ignores what the file has and the model has no place for.</summary>
    /// <value>Default false.</value>
    public bool AllowForeignKeys { get; init; }

    /// <summary>True loads the factors of a state dict whose weights seem to have the update added already.</summary>
    /// <value>Default false. A model saved in evaluation mode by loralib or by the code of Lian et al. is merged; its factors would count twice.</value>
    public bool AllowMerged { get; init; }
}
