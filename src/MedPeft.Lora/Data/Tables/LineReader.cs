namespace MedPeft.Lora.Data.Tables;

/// <summary>Reads a text file line by line, with a cap on their length.</summary>
internal sealed class LineReader(string path, int longest) : IDisposable
{
    private readonly TextSource _source = TextSource.Open(path);
    private readonly char[] _buffer = new char[1 << 16];
    private readonly char[] _line = new char[longest];
    private int _length, _read, _next;
    private bool _ended;

    /// <summary>The number of the current line, from 1.</summary>
    public int Line { get; private set; }

    /// <summary>The current line without its end (LF or CRLF).</summary>
    public ReadOnlySpan<char> Text => _line.AsSpan(0, _length > 0 && _line[_length - 1] == '\r' ? _length - 1 : _length);

    /// <summary>Reads the next line.</summary>
    /// <returns>False at the end of the file.</returns>
    public bool Read()
    {
        if (_ended) return false;
        _length = 0;
        Line++;
        while (true)
        {
            if (_next == _read)
            {
                (_read, _next) = (_source.Read(_buffer), 0);
                if (_read == 0)
                {
                    _ended = true;
                    return _length > 0;
                }
            }

            var rest = _buffer.AsSpan(_next.._read);
            var end = rest.IndexOf('\n');
            var part = end < 0 ? rest : rest[..end];
            if (part.Length > _line.Length - _length)
                throw Error($"the line is longer than {Quoted.Number(_line.Length)} characters. This is no list of images; check the file.");
            part.CopyTo(_line.AsSpan(_length));
            _length += part.Length;
            _next += part.Length + (end < 0 ? 0 : 1);
            if (end >= 0) return true;
        }
    }

    /// <summary>An error of the current line.</summary>
    public DatasetException Error(string problem) => new(_source.File, problem, Line);

    public void Dispose() => _source.Dispose();
}
