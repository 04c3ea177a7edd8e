namespace MedPeft.Lora.Studies;

/// <summary>What images go through on their way to the network.</summary>
public enum StudyPipeline
{
    /// <summary>What the recipe has: <see cref="Sgd"/> with SGD, <see cref="AdamW"/> with AdamW.</summary>
    Recipe,

    /// <summary>A random crop of 8 to 100 % of the area and a flip.</summary>
    Sgd,

    /// <summary>The same with RandAugment and random erasing.</summary>
    AdamW,

    /// <summary>A random crop of 70 to 100 % and a flip: for small images, which bear less.</summary>
    Gentle,
}
