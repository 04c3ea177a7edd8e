using System.Globalization;
using System.Text;

namespace MedPeft.Lora.Data.Tables;

/// <summary>Text from a file, made fit for a message: short, in quotes, and without characters that would forge a line in a log.</summary>
internal static class Quoted
{
    private const int Longest = 60;

    public static string Of(ReadOnlySpan<char> text)
    {
        var result = new StringBuilder("'");
        foreach (var c in text.Length > Longest ? text[..Longest] : text)
        {
            if (char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.Surrogate)
                result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else result.Append(c);
        }

        return result.Append(text.Length > Longest ? "…'" : "'").ToString();
    }

    /// <summary>Some names out of many: a, b, c, … (9).</summary>
    public static string Some(IEnumerable<string> names, int count, int most = 3)
    {
        var first = string.Join(", ", names.Take(most).Select(n => Of(n)[1..^1]));
        return count > most ? string.Create(CultureInfo.InvariantCulture, $"{first}, … ({count:N0})") : first;
    }

    /// <summary>A number with its thousands, in every language alike.</summary>
    public static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
