namespace MedPeft.Lora.Data.Tables;

/// <summary>Reads comma-separated values row by row (RFC 4180), strictly: what a spreadsheet would guess at is an error with its place.</summary>
/// <remarks>
/// Lines end in LF or CRLF, the last one may lack it; empty lines are skipped. A field is quoted as a whole or not at all, and a quote in
/// it is doubled. Fields and rows have caps, so a hostile file cannot take more than a few megabytes.
/// </remarks>
internal sealed class CsvReader : IDisposable
{
    public const int LongestField = 1 << 16;
    public const int MostFields = 4096;
    private const int LongestRow = 1 << 22;
    private const int End = -1;

    private readonly TextSource _source;
    private readonly char _separator;
    private readonly char[] _buffer = new char[1 << 16];
    private readonly List<(int Start, int Length, int Line, int Column)> _fields = [];
    private char[] _row = new char[1024];
    private int _rowLength, _read, _next, _line = 1, _column;
    private bool _lineEnded;

    public CsvReader(string path, char separator = ',') => (_source, _separator) = (TextSource.Open(path), separator);

    /// <summary>The file's path.</summary>
    public string File => _source.File;

    /// <summary>The line on which the current row starts, from 1.</summary>
    public int Line { get; private set; }

    /// <summary>The number of fields in the current row.</summary>
    public int Count => _fields.Count;

    /// <summary>A field of the current row, valid until the next one is read.</summary>
    public ReadOnlySpan<char> this[int field] => _row.AsSpan(_fields[field].Start, _fields[field].Length);

    /// <summary>Reads the next row.</summary>
    /// <returns>False at the end of the file.</returns>
    public bool Read()
    {
        int c;
        while ((c = Next()) is '\n' or '\r')
            if (c == '\r') RequireLineFeed();
        if (c == End) return false;
        _fields.Clear();
        _rowLength = 0;
        Line = _line;
        while (true)
        {
            c = Field(c);
            if (c == _separator)
            {
                c = Next();
                continue;
            }

            if (c == '\r') RequireLineFeed();
            return true;
        }
    }

    /// <summary>An error at a field of the current row.</summary>
    public DatasetException Error(int field, string problem) => new(File, problem, _fields[field].Line, _fields[field].Column);

    /// <summary>An error of the current row as a whole.</summary>
    public DatasetException Error(string problem) => new(File, problem, Line);

    public void Dispose() => _source.Dispose();

    // Reads one field that starts with c and returns what follows it: a separator, a line end or End.
    private int Field(int c)
    {
        if (_fields.Count == MostFields) throw Here($"the row has more than {Quoted.Number(MostFields)} fields. Check the separator and the quotes.");
        var (start, line, column) = (_rowLength, _line, _column);
        if (c == '"')
        {
            QuotedField(line, column);
            c = Next();
            if (c != _separator && c is not ('\n' or '\r' or End))
                throw Here($"found {Quoted.Of([(char)c])} after a closing quote; a separator or the line's end fits. Double a quote that belongs to the text.");
        }
        else
        {
            while (c != _separator && c is not ('\n' or '\r' or End))
            {
                if (c == '"') throw Here("found a quote inside a field without quotes. Quote the whole field and double the quote.");
                Append((char)c, start, line, column);
                c = Next();
            }
        }

        _fields.Add((start, _rowLength - start, line, column));
        return c;
    }

    private void QuotedField(int line, int column)
    {
        var start = _rowLength;
        while (true)
        {
            var c = Next();
            if (c == End)
                throw new DatasetException(File, "a quote opens here and is never closed. Close it, or double a quote that belongs to the text.", line, column);
            if (c == '"')
            {
                if (Peek() != '"') return;
                Next();
            }

            Append((char)c, start, line, column);
        }
    }

    private void Append(char c, int start, int line, int column)
    {
        if (c == '\0') throw Here("found a NUL character; the file is no text or is damaged. Fetch or export it again.");
        if (_rowLength - start == LongestField)
            throw new DatasetException(
                File, $"a field starts here that is longer than {Quoted.Number(LongestField)} characters. Check the quotes.", line, column);
        if (_rowLength == _row.Length)
        {
            if (_rowLength >= LongestRow) throw Here($"the row is longer than {Quoted.Number(LongestRow)} characters. Check the quotes.");
            Array.Resize(ref _row, _row.Length * 2);
        }

        _row[_rowLength++] = c;
    }

    private void RequireLineFeed()
    {
        if (Peek() == '\n') Next();
        else if (Peek() != End) throw Here("found a carriage return without a line feed. Save the file with LF or CRLF line ends.");
    }

    private DatasetException Here(string problem) => new(File, problem, _line, _column);

    private int Next()
    {
        var c = Peek();
        if (_lineEnded) (_line, _column, _lineEnded) = (_line + 1, 0, false);
        _column++;
        if (c == End) return End;
        _next++;
        _lineEnded = c == '\n';
        return c;
    }

    private int Peek()
    {
        if (_next == _read)
        {
            _read = _source.Read(_buffer);
            _next = 0;
            if (_read == 0) return End;
        }

        return _buffer[_next];
    }
}
