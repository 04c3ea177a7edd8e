namespace MedPeft.Lora.Data;

/// <summary>What a reader does about images that a table or list names and the disk lacks.</summary>
public enum MissingImages
{
    /// <summary>Refuse the data set and name the first of them.</summary>
    Raise,

    /// <summary>Leave them out; <see cref="ImageDataset.Missing"/> names them.</summary>
    Skip,

    /// <summary>Keep them without looking; one that is not there is an error when it is read. For tables without images.</summary>
    Keep,
}
