namespace MedPeft.Lora.Training;

/// <summary>What a recipe trains.</summary>
public enum FineTuningMethod
{
    /// <summary>Low-rank adapters on q and v, the head and the last norm.</summary>
    Lora,

    /// <summary>Every parameter.</summary>
    Full,
}
