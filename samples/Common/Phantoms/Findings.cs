namespace MedPeft.Samples.Phantoms;

/// <summary>The 14 findings of NIH ChestX-ray14, one bit each, in the order of the usual label lists.</summary>
[Flags]
public enum Findings
{
    None = 0,
    Atelectasis = 1 << 0,
    Cardiomegaly = 1 << 1,
    Effusion = 1 << 2,
    Infiltration = 1 << 3,
    Mass = 1 << 4,
    Nodule = 1 << 5,
    Pneumonia = 1 << 6,
    Pneumothorax = 1 << 7,
    Consolidation = 1 << 8,
    Edema = 1 << 9,
    Emphysema = 1 << 10,
    Fibrosis = 1 << 11,
    PleuralThickening = 1 << 12,
    Hernia = 1 << 13,
}
