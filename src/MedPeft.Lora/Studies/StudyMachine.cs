namespace MedPeft.Lora.Studies;

/// <summary>How fast a machine trains, for plans.</summary>
/// <param name="Name">What the plan calls it.</param>
/// <param name="TeraFlops">Useful 10^12 floating-point operations a second while it trains: of the model's products, not of the data sheet.</param>
/// <param name="Basis">Where the number comes from.</param>
public sealed record StudyMachine(string Name, double TeraFlops, string Basis)
{
    /// <summary>One NVIDIA H200 in bfloat16, batches of 64: an estimate, no measurement.</summary>
    /// <remarks>4.5 TFLOP of a LoRA step in 13 ms and 6.7 TFLOP of a full one in 17 ms, eager execution bound by kernel launches.</remarks>
    public static StudyMachine H200 { get; } = new(
        "one H200", 350, "on paper: bfloat16, batch 64, eager execution, a LoRA step of ViT-B/16 in 13 ms; images from a pixel cache, as no decoder keeps up");

    /// <summary>Two cores of a server CPU in float32: measured.</summary>
    public static StudyMachine TwoCores { get; } = new(
        "2 CPU cores", .17, "measured: 2.4 images/s of LoRA on ViT-B/16 at 224 px in float32 on 2 cores of an AMD EPYC with AVX-512");

    /// <summary>The machines by the names that a command line takes.</summary>
    public static IReadOnlyDictionary<string, StudyMachine> Known { get; } = new Dictionary<string, StudyMachine> { ["h200"] = H200, ["2cores"] = TwoCores };
}
