namespace MedPeft.Lora.Studies;

/// <summary>A study that cannot be planned, run or reported as it is written: the message names the field, what was found and what fits.</summary>
public sealed class StudyException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="message">What was found, what would fit and what to do.</param>
    /// <param name="innerException">Its cause, if another error is.</param>
    public StudyException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    internal StudyException(string file, int line, int column, string problem, Exception? innerException = null)
        : this(FormattableString.Invariant($"'{file}', line {line}, column {column}: {problem}"), innerException) =>
        (Line, Column) = (line, column);

    /// <summary>The line of the study's file, from 1; null if the trouble has none.</summary>
    public int? Line { get; }

    /// <summary>The character in the line, from 1; null if the trouble has none.</summary>
    public int? Column { get; }
}
