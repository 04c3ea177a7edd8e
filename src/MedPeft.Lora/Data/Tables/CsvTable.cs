namespace MedPeft.Lora.Data.Tables;

/// <summary>Comma-separated values with a header line: columns by name, rows of the header's length.</summary>
internal sealed class CsvTable : IDisposable
{
    private readonly CsvReader _reader;

    private CsvTable(CsvReader reader, IReadOnlyList<string> columns) => (_reader, Columns) = (reader, columns);

    /// <summary>The header's names, trimmed; empty ones at its end (a trailing comma) are left out.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The file's path.</summary>
    public string File => _reader.File;

    /// <summary>The line on which the current row starts.</summary>
    public int Line => _reader.Line;

    /// <summary>A field of the current row.</summary>
    public ReadOnlySpan<char> this[int column] => _reader[column];

    /// <summary>Opens a file and reads its header.</summary>
    /// <param name="path">The file, plain or gzip.</param>
    /// <param name="separator">What stands between fields.</param>
    /// <param name="header">Changes the header's names before use.</param>
    public static CsvTable Open(string path, char separator = ',', Func<IReadOnlyList<string>, IReadOnlyList<string>>? header = null)
    {
        var reader = new CsvReader(path, separator);
        try
        {
            if (!reader.Read()) throw new DatasetException(path, "is empty; a header line with the columns' names belongs first.");
            var names = new List<string>();
            for (var i = 0; i < reader.Count; i++) names.Add(reader[i].Trim().ToString());
            while (names.Count > 0 && names[^1].Length == 0) names.RemoveAt(names.Count - 1);
            return new CsvTable(reader, header is null ? names : header(names));
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>The position of a column; null if no name matches. Upper and lower case are the same.</summary>
    public int? Find(params ReadOnlySpan<string> names)
    {
        int? found = null;
        foreach (var name in names)
        {
            for (var i = 0; i < Columns.Count; i++)
            {
                if (!string.Equals(Columns[i], name, StringComparison.OrdinalIgnoreCase)) continue;
                if (found is not null) throw new DatasetException(File, $"the column {Quoted.Of(name)} stands twice in the header. Rename one.", 1);
                found = i;
            }

            if (found is not null) break;
        }

        return found;
    }

    /// <summary>The position of a column that must be there.</summary>
    public int Require(params ReadOnlySpan<string> names) => Find(names)
        ?? throw new DatasetException(File, $"the column {Quoted.Of(names[0])} is missing. Columns here: {Quoted.Some(Columns, Columns.Count, 40)}.", 1);

    /// <summary>Reads the next row.</summary>
    /// <returns>False at the end of the file.</returns>
    public bool Read()
    {
        if (!_reader.Read()) return false;
        if (_reader.Count < Columns.Count) throw _reader.Error($"found {_reader.Count} fields; the header names {Columns.Count}. Complete the row.");
        for (var i = Columns.Count; i < _reader.Count; i++)
            if (!_reader[i].IsWhiteSpace())
                throw _reader.Error(i, $"found {_reader.Count} fields; the header names {Columns.Count}. Quote a field that holds a separator.");
        return true;
    }

    /// <summary>An error at a field of the current row.</summary>
    public DatasetException Error(int column, string problem) => _reader.Error(column, problem);

    /// <summary>An error of the current row.</summary>
    public DatasetException Error(string problem) => _reader.Error(problem);

    public void Dispose() => _reader.Dispose();
}
