using System.Text;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Text from a file, made safe to show: one line, bounded, no control characters.</summary>
internal static class Quoted
{
    private const int Longest = 120;

    /// <summary>The text in single quotes.</summary>
    public static string Text(string text) => $"'{Bare(text)}'";

    /// <summary>The text without quotes.</summary>
    public static string Bare(string text)
    {
        var shown = new StringBuilder(Math.Min(text.Length, Longest));
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= Longest)
            {
                shown.Append('…');
                break;
            }

            // A tensor may be named "\u001b[2J" or hold a right-to-left override: neither belongs in a terminal or a log.
            var hidden = Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.Format
                or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator;
            if (hidden) shown.Append('\\').Append('u').Append(rune.Value.ToString("x4", System.Globalization.CultureInfo.InvariantCulture));
            else shown.Append(rune.ToString());
        }

        return shown.ToString();
    }

    /// <summary>A few of many names, and how many there are.</summary>
    public static string Some(IEnumerable<string> names, int count, int most = 5) =>
        string.Join(", ", names.Take(most).Select(Text)) + (count > most ? $", … ({count})" : "");
}
