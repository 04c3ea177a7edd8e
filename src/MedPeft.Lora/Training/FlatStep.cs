namespace MedPeft.Lora.Training;

/// <summary>Where a parameter's numbers lie that a step changes, each in one piece: values, gradient, and what the optimizer remembers of them.</summary>
/// <param name="values">Changed.</param>
/// <param name="gradient">Read.</param>
/// <param name="first">The optimizer's first state, changed; null where it has none.</param>
/// <param name="second">Its second.</param>
/// <param name="length">How many they are.</param>
internal readonly unsafe struct FlatStep(float* values, float* gradient, float* first, float* second, int length)
{
    public readonly float* Values = values, Gradient = gradient, First = first, Second = second;
    public readonly int Length = length;
}
