using System.Runtime.InteropServices;
using MedPeft.Lora.Imaging.Dicom;
using MedPeft.Lora.Imaging.Dicom.Rendering;

namespace MedPeft.Lora.Imaging;

/// <summary>A DICOM image: its pixels, and the few facts about it that training needs.</summary>
/// <remarks>
/// Read by an allow-list: names, identifiers, dates and free text are stepped over, and the bytes around the pixels are wiped once a file is read.
/// What is burned into the pixels stays there. PS3.3, PS3.5 and PS3.10 of the standard; JPEG 2000 is not decoded.
/// </remarks>
public sealed class DicomFile
{
    private readonly string _name;
    private readonly DataSet _set;
    private readonly TransferSyntax _syntax;
    private readonly PixelLayout _layout;
    private readonly ReadOnlyMemory<byte> _pixels;

    private DicomFile(string name, DataSet set, TransferSyntax syntax, PixelLayout layout, ReadOnlyMemory<byte> pixels)
    {
        (_name, _set, _syntax, _layout, _pixels) = (name, set, syntax, layout, pixels);
        Modality = set.Code(DicomTag.Modality);
        BodyPart = set.Code(DicomTag.BodyPartExamined);
        ViewPosition = set.Code(DicomTag.ViewPosition);
        PatientSex = set.Code(DicomTag.PatientSex);
        PatientAge = set.Years(DicomTag.PatientAge);
        Photometric = set.Code(DicomTag.PhotometricInterpretation) ?? "";
        BurnedInAnnotation = set.Code(DicomTag.BurnedInAnnotation) switch
        {
            "YES" => true,
            "NO" => false,
            _ => null,
        };
    }

    /// <summary>Columns.</summary>
    public int Width => _layout.Columns;

    /// <summary>Rows.</summary>
    public int Height => _layout.Rows;

    /// <summary>How many images the file holds.</summary>
    public int Frames => _layout.Frames;

    /// <summary>Samples a pixel: 1 (gray) or 3 (colour).</summary>
    public int Samples => _layout.Samples;

    /// <summary>Bits of a stored value, 1 to 16.</summary>
    public int BitsStored => _layout.BitsStored;

    /// <summary>MONOCHROME1, MONOCHROME2, RGB, YBR_FULL or YBR_FULL_422.</summary>
    public string Photometric { get; }

    /// <summary>The transfer syntax's UID.</summary>
    public string TransferSyntax => _syntax.Uid;

    /// <summary>The kind of device, such as CR or DX; null where the file does not say.</summary>
    public string? Modality { get; }

    /// <summary>The part examined, such as CHEST; null where the file does not say.</summary>
    public string? BodyPart { get; }

    /// <summary>The view, such as PA, AP or LL; null where the file does not say.</summary>
    public string? ViewPosition { get; }

    /// <summary>M, F or O; null where the file does not say.</summary>
    public string? PatientSex { get; }

    /// <summary>The age in years as the file states it, with or without its unit; null where it does not.</summary>
    public double? PatientAge { get; }

    /// <summary>Whether the pixels show text that may identify the patient; null where the file does not say. A file may be wrong about it.</summary>
    public bool? BurnedInAnnotation { get; }

    /// <summary>Reads a file.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="limits">What it may claim; <see cref="ImageLimits.Default"/> when null.</param>
    /// <exception cref="ImageException">The file is missing, no DICOM image, damaged, too large, or of a kind that is not read.</exception>
    public static DicomFile Open(string path, ImageLimits? limits = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] data;
        try
        {
            var length = new FileInfo(path).Length;
            if (length > (limits ?? ImageLimits.Default).MaxFileBytes) throw TooLarge(path, length, limits);
            data = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new ImageException(path, $"cannot be opened ({e.GetType().Name}).", e);
        }

        return Read(data, path, limits, owned: true);
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <param name="data">The whole file. It is not changed, and must not change while the result is in use.</param>
    /// <param name="name">What to call it in errors.</param>
    /// <param name="limits">What it may claim; <see cref="ImageLimits.Default"/> when null.</param>
    /// <exception cref="ImageException">The bytes are no DICOM image, damaged, too large, or of a kind that is not read.</exception>
    public static DicomFile Parse(byte[] data, string name, ImageLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (data.Length > (limits ?? ImageLimits.Default).MaxFileBytes) throw TooLarge(name, data.Length, limits);
        return Read(data, name, limits, owned: false);
    }

    /// <summary>Reads bytes that nobody else looks at, and wipes what lies around the pixels.</summary>
    internal static DicomFile ReadOwned(byte[] data, string name, ImageLimits? limits)
    {
        if (data.Length > (limits ?? ImageLimits.Default).MaxFileBytes) throw TooLarge(name, data.Length, limits);
        return Read(data, name, limits, owned: true);
    }

    /// <summary>Whether bytes begin as a DICOM file does, with or without its preamble.</summary>
    /// <param name="start">The first 132 bytes or more.</param>
    public static bool IsDicom(ReadOnlySpan<byte> start) => Part10.Looks(start);

    /// <summary>The bytes that stay in memory with the pixels in them.</summary>
    internal byte[] Buffer => MemoryMarshal.TryGetArray(_pixels, out var segment) ? segment.Array! : [];

    /// <summary>Decodes a frame and turns it into 8 bits. May run on several threads at once.</summary>
    /// <param name="options">Which frame, and how; <see cref="DicomOptions.Default"/> when null.</param>
    /// <param name="remarks">Receives what was done where the file left it open, such as a window that was ignored. Null: nobody asks.</param>
    /// <returns>Gray, or RGB for a colour image unless <see cref="DicomOptions.Gray"/> is set.</returns>
    /// <exception cref="ImageException">The pixels are damaged or of a kind that is not decoded, or the file has several frames and no one was chosen.</exception>
    public PixelImage Render(DicomOptions? options = null, ICollection<string>? remarks = null)
    {
        options ??= DicomOptions.Default;
        options.Validate();
        try
        {
            var frame = Decode(options.Frame, out var isRgb);
            if (frame.Samples == 3) return ColourRenderer.Render(frame, isRgb, options.Gray);
            return options.Windowing == DicomWindowing.MedPeftRsna
                ? MedPeftRsnaRenderer.Render(frame, _layout.Photometric, remarks)
                : GrayRenderer.Render(frame, _set, _layout.Photometric, options, remarks);
        }
        catch (DicomFormatException e)
        {
            throw new ImageException(_name, e.Message, e);
        }
    }

    /// <summary>The size and kind of the image; never a name, an identifier or a path.</summary>
    public override string ToString() => FormattableString.Invariant($"{Width}x{Height} {Photometric}, {BitsStored} bits, {Frames} frame(s), {_syntax}");

    /// <summary>The stored values of one frame.</summary>
    internal RawFrame Decode(int? frame, out bool isRgb)
    {
        if (frame is null && Frames > 1) throw new DicomFormatException($"holds {Frames} frames. Choose one: DicomOptions.Frame, 0 to {Frames - 1}.");
        if (frame >= Frames) throw new DicomFormatException($"holds {Frames} frame(s); frame {frame} was asked for, and they count from 0.");
        return FrameDecoder.Decode(_pixels, _layout, _syntax, frame ?? 0, _set.Pixels.IsWords, out isRgb);
    }

    private static DicomFile Read(byte[] data, string name, ImageLimits? limits, bool owned)
    {
        limits ??= ImageLimits.Default;
        try
        {
            var (set, syntax, bytes) = Part10.Read(data, limits.MaxFileBytes);
            if (set.OtherPixels != 0) throw new DicomFormatException($"holds pixels of floating point {DicomTag.Name(set.OtherPixels)}, which are not read. Radiographs have integers.");
            if (set.Pixels.Length == 0) throw new DicomFormatException("holds no pixel data (7FE0,0010): it is a report or another object without an image, or it is truncated.");
            var layout = PixelLayout.From(set);
            limits.Check(name, layout.Columns, layout.Rows);
            if (4L * layout.Columns * layout.Rows > Array.MaxLength)
                throw new DicomFormatException($"claims {layout.Columns}x{layout.Rows} pixels, more than one array holds. Tile the image first.");
            if (syntax.Codec == PixelCodec.Refused) throw FrameDecoder.Refused(syntax);
            if (set.Pixels.InFragments != syntax.Encapsulated)
                throw new DicomFormatException($"holds pixels {(set.Pixels.InFragments ? "in fragments" : "without fragments")}, which {syntax} does not have. The file is damaged.");
            if (!syntax.Encapsulated) NativePixels.CheckLength(layout, set.Pixels.Length);

            if (owned || bytes != data) Wipe(bytes, set.Pixels);
            return new DicomFile(name, set, syntax, layout, bytes.AsMemory(set.Pixels.Start, set.Pixels.Length));
        }
        catch (DicomFormatException e)
        {
            throw new ImageException(name, e.Message, e);
        }
    }

    /// <summary>The bytes stay in memory with the pixels in them; names and numbers must not.</summary>
    private static void Wipe(byte[] bytes, PixelBytes pixels)
    {
        bytes.AsSpan(0, pixels.Start).Clear();
        bytes.AsSpan(pixels.Start + pixels.Length).Clear();
    }

    private static ImageException TooLarge(string name, long length, ImageLimits? limits) =>
        new(name, $"has {length} bytes; the limit is {(limits ?? ImageLimits.Default).MaxFileBytes}. If the file can be trusted, raise ImageLimits.MaxFileBytes.");
}
