namespace MedPeft.Lora;

/// <summary>Which biases of the model are trained beside the adapters.</summary>
public enum LoraBias
{
    /// <summary>None: merging and removing the adapters is then all it takes to have the old model back.</summary>
    None,

    /// <summary>Those of the adapted layers (<c>lora_only</c> in PEFT).</summary>
    Adapted,

    /// <summary>All of them (<c>all</c> in PEFT); without adapters this is <see cref="BitFitConfig"/>.</summary>
    All,
}
