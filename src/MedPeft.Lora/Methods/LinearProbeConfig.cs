namespace MedPeft.Lora;

/// <summary>A linear probe: nothing but the head is trained, on features that stay as they are.</summary>
/// <remarks>Alain and Bengio 2016, arXiv:1610.01644. <see cref="AdapterConfig.Trainable"/>, <c>["head"]</c> unless it is set, names what is the head.</remarks>
public sealed record LinearProbeConfig : InFullConfig
{
    /// <summary>Trains <c>head</c>.</summary>
    public LinearProbeConfig() => Trainable = ["head"];
}
