namespace MedPeft.Samples;

/// <summary>The ways to adapt a foundation model that the samples know, by the names of the command line.</summary>
internal enum Adaptation
{
    /// <summary>Low-rank updates of q and v; the paper's method.</summary>
    Lora,

    /// <summary>LoRA scaled by α/√r.</summary>
    RsLora,

    /// <summary>LoRA beside trained norms of the weights.</summary>
    Dora,

    /// <summary>LoRA whose B factors learn 16 times as fast.</summary>
    LoraPlus,

    /// <summary>LoRA that trains B only.</summary>
    LoraFa,

    /// <summary>LoRA from the largest singular values of the weights.</summary>
    Pissa,

    /// <summary>LoRA from the QR factors of the weights.</summary>
    Olora,

    /// <summary>LoRA from what the layers see in a few batches.</summary>
    Eva,

    /// <summary>LoRA whose ranks are cut where they matter least.</summary>
    AdaLora,

    /// <summary>Trained vectors around random factors that all layers share.</summary>
    Vera,

    /// <summary>Trained factors on keys, values and hidden activations.</summary>
    Ia3,

    /// <summary>Trained factors and shifts behind every layer.</summary>
    Ssf,

    /// <summary>Trained tokens beside the image's (VPT-shallow).</summary>
    Prompt,

    /// <summary>Trained tokens before each block (VPT-deep).</summary>
    PromptDeep,

    /// <summary>The biases.</summary>
    BitFit,

    /// <summary>The norms.</summary>
    Norm,

    /// <summary>The head and the last norm.</summary>
    Probe,

    /// <summary>Everything.</summary>
    Full,
}
