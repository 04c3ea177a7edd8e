using System.Globalization;

namespace MedPeft.Lora.Data;

/// <summary>A data set that cannot be used as it is. The message names the file, the line, what was found and what to do.</summary>
public sealed class DatasetException : Exception
{
    /// <summary>Names a file and what is wrong with it.</summary>
    /// <param name="file">The table, the list or the folder.</param>
    /// <param name="problem">What was found, what would fit and what to do.</param>
    /// <param name="line">The line in the file, from 1, where there is one.</param>
    /// <param name="column">The character in the line, from 1, where there is one.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public DatasetException(string file, string problem, int? line = null, int? column = null, Exception? innerException = null)
        : base(Place(file, line, column) + problem, innerException)
    {
        (File, Problem, Line, Column) = (file, problem, line, column);
    }

    /// <summary>The table, the list or the folder.</summary>
    public string File { get; }

    /// <summary>The message without the file's name and the place in it.</summary>
    public string Problem { get; }

    /// <summary>The line in the file, from 1; null if the trouble has no line.</summary>
    public int? Line { get; }

    /// <summary>The character in the line, from 1; null if the whole line is meant.</summary>
    public int? Column { get; }

    private static string Place(string file, int? line, int? column) => (line, column) switch
    {
        (null, _) => $"'{file}' ",
        (_, null) => string.Create(CultureInfo.InvariantCulture, $"'{file}', line {line}: "),
        _ => string.Create(CultureInfo.InvariantCulture, $"'{file}', line {line}, column {column}: "),
    };
}
