namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>What is wrong with a file, as the rest of a sentence that begins with the file's name. Never leaves the folder: <see cref="DicomFile"/> turns it into an <see cref="ImageException"/>.</summary>
internal sealed class DicomFormatException(string problem, Exception? inner = null) : Exception(problem, inner);
