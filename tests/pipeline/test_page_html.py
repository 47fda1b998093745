"""The page, read by an HTML parser."""

import json
import math
import re

import lxml.html
import pytest
from sample_page import HOSTILE, sample, sliced_further, slices, verdict

from components.evaluation.metrics.names import Measured
from pipeline.page import render


def _page(**changes) -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring(render.html(sample(**changes)))


@pytest.fixture(scope="module")
def page():
    return _page()


def _text(element) -> str:
    return " ".join(element.text_content().split())


def _rows(page, table: str) -> list[list[str]]:
    return [[_text(cell) for cell in row] for row in page.xpath(f"//table[@id='{table}']/tbody/tr")]


def test_a_refusal_comes_first_with_what_was_found_and_where_to_look(page):
    [heading] = page.xpath("//h1")
    assert _text(heading) == "✕ The model is refused"
    [refusal] = page.xpath("//ul[@class='refusals']/li")
    assert _text(refusal) == "ndcg@2 (shopper=new) lost too much look at new shoppers"
    body = _text(page.xpath("//body")[0])
    assert "Judged by 39 requests that trained no model, beside the last blessed model. It is not pushed." in body
    assert "1 checks could not be decided" not in body
    assert "1 check could not be decided" in body


def test_what_a_server_refused_is_a_refusal_too():
    server = verdict().server.model_copy(update={"refusals": ["recommend took 90 ms"]})
    page = _page(verdict=verdict().model_copy(update={"blessed": True, "gates": [], "server": server}))
    assert _text(page.xpath("//h1")[0]) == "✕ The model is refused"
    assert [_text(item) for item in page.xpath("//ul[@class='refusals']/li")] == ["In a server: recommend took 90 ms"]


def test_a_pushed_model_is_accepted_with_its_version_and_what_the_server_did():
    accepted = verdict().model_copy(update={"blessed": True, "gates": [], "undecided": [], "pushed_version": 1795})
    page = _page(verdict=accepted)
    assert _text(page.xpath("//h1")[0]) == "✓ The model is accepted"
    assert not page.xpath("//ul[@class='refusals']")
    assert (
        "It is pushed as version 1795 . Its files have 56 MiB. A server loaded it in 2.5 s and took 1,234 MiB of "
        "memory at most; the 99th percentile of its answers, in milliseconds, is recommend 7."
    ).replace(" .", ".") in _text(page.xpath("//header")[0])


def test_intervals_and_changes_stand_where_they_are_known_and_nothing_where_not(page):
    overall, new, returning = _rows(page, "slice-table")
    # Value, its interval, change, its interval; then recall@5 and the first-time metrics, which have a value alone.
    assert overall == ["overall", "39", "0.400 0.375–0.425 +0.020 +0.010 to +0.030", "0.500", "0.500", "0.500"]
    assert new[2] == "0.250 0.200–0.300 −0.050 −0.062 to −0.037"
    assert returning == ["shopper=returning", "9", "0.900 +0.300", "0.500", "–", "0.500"]


def test_the_headline_is_of_the_shortest_and_of_the_longest_lists(page):
    assert [_text(name) for name in page.xpath("//dl[@class='headline']//dt")] == [
        "NDCG@2",
        "recall@5",
        "first-time NDCG@2",
    ]
    assert _text(page.xpath("//dl[@class='headline']//dd")[0]) == (
        "0.400 0.375–0.425 +0.020 against the last blessed model"
    )


def test_what_lists_are_like_stands_apart_from_whether_they_are_right(page):
    properties = page.xpath("//div[@aria-label='Properties of lists']//tbody/tr/th/text()")
    assert [name.strip() for name in properties] == ["novelty@2"]
    right = page.xpath("//section[@aria-labelledby='quality']//tbody/tr/th/text()")
    assert [name.strip() for name in right] == ["recall", "NDCG", "MRR", "hit rate", "precision", "MAP"] * 2


def test_only_a_change_that_chance_hardly_explains_is_a_gain_or_a_loss(page):
    marks = {
        _text(row[0]): [span.get("class").split() for span in row.xpath(".//span[contains(@class, 'change')]")]
        for row in page.xpath("//table[@id='slice-table']/tbody/tr")
    }
    assert marks == {
        "overall": [["pair", "change", "clear", "gain"]],
        "shopper=new": [["pair", "change", "clear", "loss"]],
        "shopper=returning": [["pair", "change"]],
    }
    # More novelty is neither better nor worse.
    [novelty] = page.xpath("//tr[starts-with(normalize-space(th), 'novelty@2')]//span[contains(@class, 'change')]")
    assert novelty.get("class").split() == ["pair", "change", "clear"]


def test_every_check_is_listed_with_its_numbers(page):
    passed, refused, undecided = _rows(page, "gate-table")
    assert passed == ["passed", "loss", "NDCG@2", "overall", "39", "0.4", "–", "0.02"]
    assert refused[0] == "refused"
    assert refused[6] == "−0.050 −0.062 to −0.037"
    assert undecided[0] == "undecided too few requests"


def test_texts_of_the_shop_stay_texts(page):
    [row] = page.xpath("//table[caption[starts-with(normalize-space(.), 'Shopper u1')]]/tbody/tr")
    assert HOSTILE in _text(row[1])
    assert len(page.xpath("//script")) == 1
    assert _text(row[3]) == "after"
    assert "1 item taken before 22 November 2026, 3 after, 1 of those listed" in _text(page)


def test_the_page_needs_nothing_else(page):
    references = [value for element in page.iter() for name, value in element.attrib.items() if name.endswith("href")]
    references += page.xpath("//@src")
    assert references
    assert all(reference.startswith("#") for reference in references)
    assert "@import" not in render.html(sample())
    [policy] = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'")


def test_ids_are_unique_and_every_reference_within_the_page_leads_somewhere(page):
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    inner = {value[1:] for element in page.iter() for name, value in element.attrib.items() if name.endswith("href")}
    inner |= set(page.xpath("//@aria-labelledby")) | set(page.xpath("//table/@id"))
    assert inner <= set(ids)


def test_tables_have_headers_and_scrolling_parts_can_be_reached_and_named(page):
    for table in page.xpath("//table"):
        assert set(table.xpath("./thead/tr/*/@scope")) == {"col"}
        columns = len(table.xpath("./thead/tr/th"))
        assert {len(row) for row in table.xpath("./tbody/tr")} == {columns}
    assert all(region.get("aria-label") for region in page.xpath("//div[@role='region' and @tabindex='0']"))
    assert page.get("lang") == "en"


def test_drawings_say_what_they_show_and_take_the_colours_of_the_page(page):
    titles = [_text(title) for title in page.xpath("//svg/title")]
    assert titles[3] == "ndcg@2 by slice: overall 0.400; shopper=new 0.250; shopper=returning 0.900"
    assert "1 to 10: 75% shown, 50% taken; 11 to 40: 25% shown, 50% taken" in titles[4]
    assert "joint_loss by epoch: train ends at 2; validation ends at 3.5" in titles
    drawn = "".join(lxml.html.tostring(svg, encoding="unicode") for svg in page.xpath("//svg"))
    assert "var(--first)" in drawn
    assert "#0" not in drawn.replace("&#0", "")


def _luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_from_the_paper_on_a_light_and_on_a_dark_page(page):
    [style] = page.xpath("//head/style/text()")
    palettes = [dict(re.findall(r"--(\w+): (#\w{6});", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)]
    assert [_luminance(palette["paper"]) > 0.5 for palette in palettes] == [True, False]
    for palette in palettes:
        for name in ("ink", "muted", "first", "second", "good", "bad"):
            for ground in ("paper", "tint"):
                dark, light = sorted((_luminance(palette[name]), _luminance(palette[ground])))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)


def test_rejected_rows_and_anomalies_of_a_table_are_named(page):
    text = _text(page.xpath("//section[@aria-labelledby='data']")[0])
    assert "8 rows in 3 spans, the newest 4; 2 rejected." in text
    assert "2 rejected: item_id: is missing" in text
    assert "warning, store (newest span): New values. s9 is not in the domain Mend it." in text
    assert "No anomaly" not in text


def test_every_headline_is_drawn_over_the_past_evaluations_by_span(page):
    titles = [title.text for title in page.xpath("//section[@aria-labelledby='quality']//svg/title")]
    assert [title.split()[0] for title in titles] == ["ndcg@2", "recall@5", "first_time/ndcg@2"]
    assert titles[0] == "ndcg@2 over past evaluations, oldest first: span 3 22 Nov 0.300, 22 Nov 12:00 0.400"


def test_what_moved_stands_beside_what_is_tolerated(page):
    [table] = page.xpath("//table[contains(@class, 'comparison-table')]")
    rows = [[cell.text_content().strip() for cell in row] for row in table.xpath("./tbody/tr")]
    assert rows == [
        ["store", "largest change of a value's share", "0.250", "up to 0.2", "beyond"],
        ["price", "Jensen-Shannon divergence", "–", "up to 0.5", "not compared: one side has no values"],
    ]
    assert "1 of 2 beyond what the schema tolerates" in table.xpath("./caption")[0].text_content()


def test_columns_are_drawn_and_described(page):
    titles = [title.text for title in page.xpath("//details//svg/title")]
    assert any(title.startswith("price, shares by value, all above 20 in the last bar.") for title in titles)
    [store] = [title for title in titles if title.startswith("store, shares of the most frequent.")]
    assert "newest span: s1 75.0%" in store
    assert "spans before: s1 66.7%" in store


def test_what_a_component_took_in_leads_to_what_made_it(page):
    made, used = page.xpath("//table[@id='lineage-table']/tbody/tr")
    [link] = used.xpath(".//a/@href")
    assert made.xpath(f".//*[@id='{link[1:]}']")
    assert '"days": 28' in made.xpath(".//pre")[0].text_content()


def test_an_input_of_an_earlier_run_is_named_but_leads_nowhere():
    [_, evaluator] = sample().steps
    page = _page(steps=[evaluator])
    [row] = page.xpath("//table[@id='lineage-table']/tbody/tr")
    assert "examples 7" in _text(row)
    assert not row.xpath(".//a")


def test_a_first_evaluation_without_a_baseline_says_so():
    overall = slices()[0].model_copy(update={"baseline": {}})
    text = _text(_page(slices=[overall], history=sample().history[:1]))
    assert "there was no blessed model to compare it with" in text
    assert "This is the first evaluation of this pipeline." in text


def test_an_evaluation_without_requests_is_a_page_all_the_same():
    unmeasured = sample().history[0].model_copy(update={"metrics": {}})
    page = _page(slices=[], examples=[], curves=[], history=[unmeasured, unmeasured])
    text = _text(page)
    assert "There was no request to judge it by." in text
    assert "The training logged no curves." in text


def test_unknown_values_are_null_in_the_json():
    document = sample()
    returning = json.loads(document.model_dump_json())["slices"][2]["candidate"]
    assert returning["first_time/ndcg@2"]["value"] is None
    assert returning["ndcg@2"] == {
        "value": 0.9, "low": None, "high": None, "change": 0.3, "change_low": None, "change_high": None
    }  # fmt: skip
    assert math.isnan(Measured(0.9).low)


def _described(page, part: str) -> list[str]:
    """What drawings say to those who do not see them, of those that say this."""
    return [text for text in page.xpath("//*[local-name()='svg']/*[local-name()='title']/text()") if part in text]


def test_what_heads_predict_is_told_and_drawn(page):
    rows = [[_text(cell) for cell in row] for row in page.xpath("//section[@aria-labelledby='heads']//tbody/tr")]
    assert [row[1] for row in rows] == ["0.812 0.750–0.875", "0.062"]
    assert rows[0][0].startswith("purchase AUC how often an item")
    assert rows[1][0].startswith("purchase calibration error mean distance")
    [drawn] = _described(page, "Calibration of purchase")
    assert "predicted 5%, happened 6%, 900 candidates; predicted 75%, happened 50%, 100 candidates" in drawn
    assert page.xpath("//nav/a[@href='#heads']")


def test_an_evaluation_without_predictions_has_no_section_of_them():
    def lists_alone(metrics: dict[str, Measured]) -> dict[str, Measured]:
        return {name: value for name, value in metrics.items() if not name.startswith("purchase")}

    old = _page(
        calibration=[], slices=[one.model_copy(update={"candidate": lists_alone(one.candidate)}) for one in slices()]
    )
    assert not old.xpath("//*[@id='heads']")
    assert not old.xpath("//nav/a[@href='#heads']")


def test_exposure_of_a_feature_stands_beside_what_is_taken_and_what_is_offered(page):
    rows = [[_text(cell) for cell in row] for row in page.xpath("//div[@aria-label='Exposure by brand']//tbody/tr")]
    assert rows == [[HOSTILE, "62.5%", "75.0%", "50.0%"], ["–", "37.5%", "25.0%", "50.0%"]]
    [drawn] = _described(page, "Shares by brand")
    assert "–: 38% shown, 25% taken" in drawn


def test_deciles_of_activity_and_what_was_taken_have_drawings_of_their_own(page):
    assert not _described(page, "activity=")
    further = _page(slices=sliced_further())
    assert _described(further, "activity=") == [
        "ndcg@2 by slice: activity=01 (0 to 3) 0.200; activity=02 (4 or more) 0.300"
    ]
    assert _described(further, "label_rarity=") == ["recall@5 by slice: label_rarity=rare 0.500"]
    # All of them are in the table.
    assert len(_rows(further, "slice-table")) == 6


def test_what_the_log_tells_stands_by_slice_beside_what_it_lacks():
    told = {
        "ctr": Measured(0.0342, 0.031, 0.037, 0.0, 0.0, 0.0),
        "policy_snips@2": Measured(0.5, 0.4, 0.6, -0.1, -0.2, -0.01),
    }
    overall, *others = slices()
    changed = [overall.model_copy(update={"candidate": overall.candidate | told}), *others]
    page = _page(slices=changed, outcomes={"clicks": 7, "impressions": 9, "propensities": 9, "revenue": 0})
    assert _rows(page, "log-table") == [
        ["overall", "0.0342 0.031–0.037", "0.5 0.4–0.6 −0.1"],
        ["shopper=new", "–", "–"],
        ["shopper=returning", "–", "–"],
    ]
    section = _text(page.xpath("//section[@aria-labelledby='log']")[0])
    assert "CTR: clicks an impression; policy snips@2: the same, self-normalised" in section
    assert "revenue, since the log has no revenue" in section
    assert "value of the policy, since" not in section


def test_a_log_of_nothing_but_answers_has_no_table_of_it(page):
    assert not page.xpath("//table[@id='log-table']")
    assert "value of the policy, since the log has no propensities" in _text(page.xpath("//body")[0])


@pytest.mark.parametrize(("effective", "warns"), [(40.0, True), (140.0, False)])
def test_a_value_that_few_impressions_tell_of_comes_with_a_warning(effective, warns):
    overall, *others = slices()
    told = {"policy_snips@2": Measured(0.5, 0.4, 0.6), "policy_effective@2": Measured(effective)}
    changed = [overall.model_copy(update={"candidate": overall.candidate | told}), *others]
    page = _page(slices=changed, outcomes={"propensities": 900})
    warning = "of 900 logged actions only 40 count effectively"
    assert (warning in _text(page.xpath("//section[@aria-labelledby='log']")[0])) == warns
