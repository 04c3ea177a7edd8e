using System.Globalization;
using System.Net;
using System.Text;

namespace MedPeft.Samples.Studies.Html;

/// <summary>Pieces of the page.</summary>
internal static class Markup
{
    public static string Escape(string text) => WebUtility.HtmlEncode(text);

    public static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    public static string Percent(double? share, string format = "F1") => share is { } value ? (100 * value).ToString(format, CultureInfo.InvariantCulture) : "";

    /// <summary>A difference in points, with its sign.</summary>
    public static string Points(double? difference) => difference is { } value ? Text($"{100 * value:+0.0;−0.0;0.0}") : "";

    public static string P(double? p) => p switch
    {
        null => "",
        < .0001 => "&lt; 0.0001",
        < .001 => Text($"{p:F4}"),
        _ => Text($"{p:F3}"),
    };

    /// <summary>A table whose cells are HTML.</summary>
    /// <param name="caption">What it shows and how to read it, HTML.</param>
    /// <param name="columns">Headings; one that begins with a dash stands for a column of text.</param>
    /// <param name="rows">Rows; one that begins with an empty string in front of its cells begins a group.</param>
    public static string Table(string caption, IReadOnlyList<string> columns, IEnumerable<(bool First, IReadOnlyList<string> Cells)> rows)
    {
        var html = new StringBuilder("<div class=\"scroll\"><table>");
        if (caption.Length > 0) html.Append("<caption>").Append(caption).Append("</caption>");
        html.Append("<thead><tr>");
        foreach (var column in columns) html.Append(column.StartsWith('-') ? $"<th scope=\"col\" class=\"text\">{column[1..]}</th>" : $"<th scope=\"col\">{column}</th>");
        html.Append("</tr></thead><tbody>");
        foreach (var (first, cells) in rows)
        {
            html.Append(first ? "<tr class=\"first\">" : "<tr>");
            for (var c = 0; c < cells.Count; c++)
                html.Append(columns[c].StartsWith('-') ? $"<td class=\"{(cells[c].Length > 70 ? "wrap" : "text")}\">" : "<td>").Append(cells[c]).Append("</td>");
            html.Append("</tr>\n");
        }

        return html.Append("</tbody></table></div>").ToString();
    }

    /// <summary>What colours and line styles mean, in front of the charts that share them.</summary>
    public static string Key(IEnumerable<(string Name, int Series, bool Dashed)> entries) => "<ul class=\"key\">" + string.Concat(entries.Select(entry =>
        Text($"<li><svg width=\"26\" height=\"12\" aria-hidden=\"true\"><line x1=\"1\" x2=\"25\" y1=\"6\" y2=\"6\" stroke=\"var(--series-{entry.Series + 1})\" stroke-width=\"2.5\"{(entry.Dashed ? " stroke-dasharray=\"5 4\"" : "")}/></svg>{Escape(entry.Name)}</li>"))) + "</ul>";
}
