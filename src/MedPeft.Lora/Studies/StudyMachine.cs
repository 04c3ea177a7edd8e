using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>How fast a machine trains, for plans: useful 10^12 floating-point operations a second, of the model's products and not of the data sheet.</summary>
/// <param name="Name">What the plan calls it.</param>
/// <param name="SinglePrecision">In float32.</param>
/// <param name="TensorFloat32">In float32 whose products use TensorFloat-32 units.</param>
/// <param name="HalfPrecision">In bfloat16 or float16.</param>
/// <param name="Basis">Where the numbers come from.</param>
public sealed record StudyMachine(string Name, double SinglePrecision, double TensorFloat32, double HalfPrecision, string Basis)
{
    /// <summary>One NVIDIA H200, batches of 64: estimates, no measurement.</summary>
    /// <remarks>bfloat16: 4.5 TFLOP of a LoRA step in 13 ms, eager execution bound by kernel launches; the others by the ratio of the data sheet's peaks.</remarks>
    public static StudyMachine H200 { get; } = new(
        "one H200", 45, 180, 350, "on paper: a LoRA step of ViT-B/16, batch 64, in 13 ms in bfloat16; TensorFloat-32 half of that, float32 two thirds of the data sheet; images from a pixel cache, as no decoder keeps up");

    /// <summary>Two cores of a server CPU: measured.</summary>
    public static StudyMachine TwoCores { get; } = new(
        "2 CPU cores", .17, .17, .33, "measured: LoRA on ViT-B/16 at 224 px with 2.4 images/s in float32 and 4.9 in bfloat16 on 2 cores of an AMD EPYC with AVX-512");

    /// <summary>The machines by the names that a command line takes.</summary>
    public static IReadOnlyDictionary<string, StudyMachine> Known { get; } = new Dictionary<string, StudyMachine> { ["h200"] = H200, ["2cores"] = TwoCores };

    /// <summary>A machine of one speed.</summary>
    /// <param name="teraFlops">Useful 10^12 operations a second while it trains.</param>
    public static StudyMachine Of(double teraFlops) => new("this machine", teraFlops, teraFlops, teraFlops, "as given");

    /// <summary>The speed of a cell: frozen weights may be of half precision, what trains is float32.</summary>
    internal double TeraFlops(StudyCell cell) =>
        cell.Training.Precision != Precision.Float32 && cell.Method.Adapter is not FullConfig ? HalfPrecision : cell.Training.TensorFloat32 ? TensorFloat32 : SinglePrecision;
}
