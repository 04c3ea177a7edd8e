namespace MedPeft.Lora;

/// <summary>How the factors of a low-rank update start.</summary>
public enum LoraInitialization
{
    /// <summary>A uniform in ±1/√in, B zero (Hu et al. 2022, arXiv:2106.09685, as PEFT and loralib have it). The layer starts as it was.</summary>
    KaimingUniform,

    /// <summary>A normal with deviation 1/r, B zero (Hu et al. 2022, §4.1). The layer starts as it was.</summary>
    Gaussian,

    /// <summary>A with orthonormal rows, from the QR factors of a normal matrix, B zero. The layer starts as it was.</summary>
    Orthogonal,

    /// <summary>A and B from the r largest singular values of the weight, which gives them up (PiSSA, Meng et al. 2024, arXiv:2404.02948); <c>Linear</c> only.</summary>
    Pissa,

    /// <summary>A and B from the QR factors of the weight, which gives them up (OLoRA, Büyükakyüz 2024, arXiv:2406.01775); <c>Linear</c> only.</summary>
    Olora,

    /// <summary>A from the inputs that the layer sees in a few batches, ranks by how much each layer's explain, B zero (EVA, Paischer et al. 2024, arXiv:2410.07170); <c>Linear</c> only, and injected with the batches.</summary>
    Eva,
}
