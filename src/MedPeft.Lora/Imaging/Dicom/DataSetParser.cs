namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>Walks a data set up to its pixel data: PS3.5 §7. Values of the allow-list are noted, everything else is stepped over unread.</summary>
/// <remarks>Nesting lives on a stack of its own, capped, so that a file of 20,000 open sequences ends in an error and not in a stack overflow.</remarks>
internal ref struct DataSetParser
{
    /// <summary>Levels of sequences and items that may be open at once.</summary>
    public const int MaxDepth = 64;

    private const int MaxText = 1024;
    private const int MaxTable = 2 * 65_536;

    private readonly ReadOnlySpan<byte> _data;
    private readonly DataSet _set;
    private readonly Level[] _levels;
    private int _depth;
    private int _position;

    private DataSetParser(ReadOnlySpan<byte> data, int start, TransferSyntax syntax, DataSet set)
    {
        _data = data;
        (_set, _position) = (set, start);
        _levels = new Level[MaxDepth];
        _levels[0] = new Level { Kind = LevelKind.Top, Limit = data.Length, Implicit = syntax.Implicit, BigEndian = syntax.BigEndian };
    }

    private enum LevelKind
    {
        Top,
        Sequence,
        Item,
    }

    /// <summary>Reads the data set that starts at <paramref name="start"/> and ends with the bytes.</summary>
    public static void Parse(ReadOnlySpan<byte> data, int start, TransferSyntax syntax, DataSet set)
    {
        var parser = new DataSetParser(data, start, syntax, set);
        while (parser.Step())
        {
        }
    }

    private bool Step()
    {
        while (_depth > 0 && !_levels[_depth].Undefined && _position >= _levels[_depth].Limit) _depth--;
        ref var level = ref _levels[_depth];
        if (_depth == 0 && _position >= level.Limit) return false;

        var element = ElementReader.Read(_data, _position, level.Limit, level.Implicit, level.BigEndian);
        return level.Kind == LevelKind.Sequence ? StepInSequence(ref level, element) : StepInElements(ref level, element);
    }

    private bool StepInSequence(ref Level level, ElementHeader element)
    {
        if (element.Tag == DicomTag.SequenceEnd && level.Undefined)
        {
            _depth--;
            _position = element.ValueStart;
        }
        else if (element.Tag != DicomTag.Item)
        {
            throw new DicomFormatException($"has {DicomTag.Name(element.Tag)} at byte {_position}, inside a sequence, where an item belongs. The file is damaged.");
        }
        else if (element.IsUndefined || level.Lut is { Descriptor: null, Data: null })
        {
            Push(LevelKind.Item, element, level.Implicit, level.BigEndian, level.Lut);
        }
        else
        {
            _position = element.ValueStart + (int)element.Length;
        }

        return true;
    }

    private bool StepInElements(ref Level level, ElementHeader element)
    {
        if (element.Tag == DicomTag.ItemEnd && level.Kind == LevelKind.Item && level.Undefined)
        {
            _depth--;
            _position = element.ValueStart;
            return true;
        }

        if (element.Tag >> 16 == 0xFFFE) throw new DicomFormatException($"has {DicomTag.Name(element.Tag)} at byte {_position}, outside any sequence. The file is damaged.");
        if (_depth == 0 && element.Tag == DicomTag.PixelData) return TakePixels(element);

        var isLut = _depth == 0 && DicomTag.IsLutSequence(element.Tag);
        var unknown = element.Vr == ElementReader.VrUnknown;
        if (element.IsUndefined || (isLut && (level.Implicit || unknown || element.Vr == ElementReader.VrSequence)))
        {
            if (!level.Implicit && !unknown && element.Vr != ElementReader.VrSequence)
                throw new DicomFormatException($"has an element {DicomTag.Name(element.Tag)} of undefined length at byte {_position}, which only a sequence or the pixels may have. The file is damaged.");
            if (_depth == 0) Note(element);

            // PS3.5 §6.2.2, note 4: what an unknown element of undefined length holds is implicit little endian, whatever the file is.
            Push(LevelKind.Sequence, element, level.Implicit || unknown, level.BigEndian && !unknown, isLut ? OpenLut(element.Tag) : null);
            return true;
        }

        if (_depth == 0) Note(element);
        if (level is { Kind: LevelKind.Item, Lut: { } lut } && DicomTag.IsAllowedInLut(element.Tag)) KeepInLut(lut, element);
        _position = element.ValueStart + (int)element.Length;
        return true;
    }

    private readonly void Note(ElementHeader element)
    {
        if (DicomTag.IsAllowed(element.Tag) && !element.IsUndefined) _set.Keep(element.Tag, Copy(element, MaxText));
        if (element.Tag is DicomTag.FloatPixelData or DicomTag.DoublePixelData) _set.OtherPixels = element.Tag;
        if (element.Tag == DicomTag.SharedFunctionalGroups) _set.HasFunctionalGroups = true;
    }

    /// <summary>A copy, so that the file's bytes can go; cut to what any reader here looks at.</summary>
    private readonly KeptValue Copy(ElementHeader element, int most) =>
        new(_data.Slice(element.ValueStart, Math.Min((int)element.Length, most)).ToArray(), element.Vr);

    private readonly void KeepInLut(LutItem lut, ElementHeader element)
    {
        var value = Copy(element, MaxTable);
        if (element.Tag == DicomTag.LutDescriptor) lut.Descriptor ??= value;
        else lut.Data ??= value;
    }

    private readonly LutItem OpenLut(uint tag) =>
        tag == DicomTag.ModalityLutSequence ? _set.ModalityLut ??= new LutItem() : _set.VoiLut ??= new LutItem();

    private void Push(LevelKind kind, ElementHeader element, bool implicitVr, bool bigEndian, LutItem? lut)
    {
        if (_depth == MaxDepth - 1)
            throw new DicomFormatException($"nests sequences more than {MaxDepth} levels deep, which no radiograph does. The file is damaged or hostile.");
        var limit = element.IsUndefined ? _levels[_depth].Limit : element.ValueStart + (int)element.Length;
        _levels[++_depth] = new Level { Kind = kind, Limit = limit, Undefined = element.IsUndefined, Implicit = implicitVr, BigEndian = bigEndian, Lut = lut };
        _position = element.ValueStart;
    }

    private readonly bool TakePixels(ElementHeader element)
    {
        if (!element.IsUndefined)
        {
            _set.Pixels = new PixelBytes(element.ValueStart, (int)element.Length, element.Vr == ElementReader.VrOtherWord, InFragments: false);
            return false;
        }

        var end = Fragments.FindEnd(_data, element.ValueStart);
        _set.Pixels = new PixelBytes(element.ValueStart, end - element.ValueStart, IsWords: false, InFragments: true);
        return false;
    }

    private struct Level
    {
        public LevelKind Kind;
        public int Limit;
        public bool Undefined;
        public bool Implicit;
        public bool BigEndian;
        public LutItem? Lut;
    }
}
