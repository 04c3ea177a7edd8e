namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>Tags as group &lt;&lt; 16 | element. The list of <see cref="IsAllowed"/> is the whole of what is ever read from a file: no names, no identifiers, no dates.</summary>
internal static class DicomTag
{
    public const uint TransferSyntaxUid = 0x0002_0010;
    public const uint Modality = 0x0008_0060;
    public const uint PatientSex = 0x0010_0040;
    public const uint PatientAge = 0x0010_1010;
    public const uint BodyPartExamined = 0x0018_0015;
    public const uint ViewPosition = 0x0018_5101;
    public const uint SamplesPerPixel = 0x0028_0002;
    public const uint PhotometricInterpretation = 0x0028_0004;
    public const uint PlanarConfiguration = 0x0028_0006;
    public const uint NumberOfFrames = 0x0028_0008;
    public const uint Rows = 0x0028_0010;
    public const uint Columns = 0x0028_0011;
    public const uint BitsAllocated = 0x0028_0100;
    public const uint BitsStored = 0x0028_0101;
    public const uint HighBit = 0x0028_0102;
    public const uint PixelRepresentation = 0x0028_0103;
    public const uint PixelPaddingValue = 0x0028_0120;
    public const uint PixelPaddingRangeLimit = 0x0028_0121;
    public const uint BurnedInAnnotation = 0x0028_0301;
    public const uint WindowCenter = 0x0028_1050;
    public const uint WindowWidth = 0x0028_1051;
    public const uint RescaleIntercept = 0x0028_1052;
    public const uint RescaleSlope = 0x0028_1053;
    public const uint VoiLutFunction = 0x0028_1056;
    public const uint ModalityLutSequence = 0x0028_3000;
    public const uint LutDescriptor = 0x0028_3002;
    public const uint LutData = 0x0028_3006;
    public const uint VoiLutSequence = 0x0028_3010;
    public const uint PresentationLutShape = 0x2050_0020;
    public const uint SharedFunctionalGroups = 0x5200_9229;
    public const uint FloatPixelData = 0x7FE0_0008;
    public const uint DoublePixelData = 0x7FE0_0009;
    public const uint PixelData = 0x7FE0_0010;
    public const uint Item = 0xFFFE_E000;
    public const uint ItemEnd = 0xFFFE_E00D;
    public const uint SequenceEnd = 0xFFFE_E0DD;

    /// <summary>Whether the value of a top-level element may be read.</summary>
    public static bool IsAllowed(uint tag) => tag is TransferSyntaxUid or Modality or PatientSex or PatientAge or BodyPartExamined or ViewPosition
        or SamplesPerPixel or PhotometricInterpretation or PlanarConfiguration or NumberOfFrames or Rows or Columns
        or BitsAllocated or BitsStored or HighBit or PixelRepresentation or PixelPaddingValue or PixelPaddingRangeLimit or BurnedInAnnotation
        or WindowCenter or WindowWidth or RescaleIntercept or RescaleSlope or VoiLutFunction or PresentationLutShape;

    /// <summary>Whether a top-level sequence is opened, for the two elements of its first item that <see cref="IsAllowedInLut"/> names.</summary>
    public static bool IsLutSequence(uint tag) => tag is ModalityLutSequence or VoiLutSequence;

    /// <summary>Whether the value of an element inside a lookup table's item may be read.</summary>
    public static bool IsAllowedInLut(uint tag) => tag is LutDescriptor or LutData;

    public static string Name(uint tag) => $"({tag >> 16:X4},{tag & 0xFFFF:X4})";
}
