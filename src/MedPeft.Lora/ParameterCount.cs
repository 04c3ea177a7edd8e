using System.Globalization;

namespace MedPeft.Lora;

/// <summary>How many of a model's parameters are trained.</summary>
/// <param name="Trained">Parameters that receive gradients: the adapters and what is trained in full.</param>
/// <param name="Total">All parameters of the model, adapters included; a tensor that several modules share counts once.</param>
/// <param name="TrainedBytes">Bytes that the trained ones take.</param>
/// <param name="TotalBytes">Bytes that all of them take.</param>
public sealed record ParameterCount(long Trained, long Total, long TrainedBytes, long TotalBytes)
{
    /// <summary>Share of the trained parameters, in percent of all; 0 for a model without parameters.</summary>
    public double Percent => Total == 0 ? 0 : 100.0 * Trained / Total;

    /// <summary>E.g. <c>159,758 of 85,956,878 parameters trained (0.186 %)</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Trained:N0} of {Total:N0} parameters trained ({Percent:0.000} %)");
}
