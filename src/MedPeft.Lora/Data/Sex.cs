namespace MedPeft.Lora.Data;

/// <summary>The patient's sex as the data set gives it.</summary>
public enum Sex
{
    /// <summary>Not given.</summary>
    Unknown,

    /// <summary>Female.</summary>
    Female,

    /// <summary>Male.</summary>
    Male,
}
